"""`lists`, `list create|set|delete|show`: lists and their policies."""

import argparse
import re
from argparse import BooleanOptionalAction
from typing import Any

from edgeward.cli.client import Client
from edgeward.cli.confirmation import MAX_UNASKED, add_yes, confirm
from edgeward.cli.list_limits import add_limit_options, given_limits, in_words
from edgeward.cli.options import Subparsers, add_command, add_group, integer
from edgeward.cli.output import iso_time, print_fields, print_json, print_table
from edgeward.cli.wait_options import status_of
from edgeward.errors import Exit, UserError
from edgeward.quantities import counted
from edgeward.types import Action, ListKind, Mode

COLUMNS = (
    *("name", "kind", "mode", "action", "entries", "radius", "rotations", "geometry", "protect", "limits"),
    "description",
)
JUDGED_SECONDS = 120.0
"""Longest time that it takes to judge what a change of a policy would block."""
ENTRY_COLUMNS = ("id", "type", "value", "quality", "added", "by", "act", "reason")


def add_parser(subparsers: Subparsers) -> None:
    add_command(subparsers, "lists", "show all lists", _lists)
    group = add_group(subparsers, "list", "create, change, delete or show one list")
    create = _add_name(add_command(group, "create", "create a list", _create))
    create.add_argument(
        "--kind", choices=[*map(str, ListKind)], help="block: matches are blocked; allow: matches always pass"
    )
    _add_policy_options(create)
    change = _add_name(add_command(group, "set", "change the policy of a list", _set))
    _add_policy_options(change)
    delete = _add_name(add_command(group, "delete", "delete a list and all its entries", _delete))
    delete.add_argument("--reason", metavar="TEXT", help="why, for the audit trail")
    add_yes(delete, f"deletes more than {MAX_UNASKED} entries")
    show = _add_name(add_command(group, "show", "show a list and its entries", _show))
    show.add_argument("--cursor", default="0", metavar="CURSOR", help="start where the last page ended")
    show.add_argument(
        "--limit",
        type=integer,
        default=100,
        metavar="N",
        help="about N entries per page, small lists are shown whole (default: 100)",
    )


def _add_name(parser: argparse.ArgumentParser) -> argparse.ArgumentParser:
    parser.add_argument("name", metavar="NAME", help="the list's name: a-z, 0-9, '_', '.', '-'")
    return parser


def add_radius(parser: argparse.ArgumentParser) -> None:
    """Add --radius: pairs of a type and its bits, None for the type's default."""
    parser.add_argument(
        "--radius",
        action="append",
        type=_radius,
        metavar="TYPE=BITS",
        help="maximum differing bits of a match, such as pdq=31, or pdq=default (repeatable)",
    )


def _add_policy_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--mode", choices=[*map(str, Mode)], help="enforce: block matches; monitor: only record them; off: ignore them"
    )
    parser.add_argument(
        "--action",
        choices=[*map(str, Action)],
        help="response to a blocked image: a status, or a grey placeholder image",
    )
    add_radius(parser)
    parser.add_argument(
        "--rotations",
        action=BooleanOptionalAction,
        help="also match images that are mirrored or rotated by right angles",
    )
    parser.add_argument(
        "--geometry",
        action=BooleanOptionalAction,
        help="also match images that are cropped, rotated by a few degrees or partly covered (costs many lookups)",
    )
    parser.add_argument(
        "--protect",
        action=BooleanOptionalAction,
        help="of an allowlist: an update that would match one of its entries is held until a second person approves it",
    )
    add_limit_options(parser)
    parser.add_argument("--description", metavar="TEXT", help="what the list is for")
    parser.add_argument("--reason", metavar="TEXT", help="why, for the audit trail")


def _radius(text: str) -> tuple[str, int | None]:
    signal_type, _, bits = text.partition("=")
    if signal_type and bits == "default":
        return signal_type, None
    if not signal_type or not re.fullmatch(r"[0-9]{1,9}", bits):
        raise argparse.ArgumentTypeError(f"{text!r} is not TYPE=BITS, such as pdq=31")
    return signal_type, int(bits)


def _policy(args: argparse.Namespace) -> dict[str, Any]:
    """The policy options that were given. The API decides about the others."""
    given = {
        name: getattr(args, name) for name in ("mode", "action", "description", "rotations", "geometry", "protect")
    }
    given["radius"] = dict(args.radius) if args.radius else None
    return {name: value for name, value in given.items() if value is not None} | given_limits(args)


def _lists(args: argparse.Namespace) -> int:
    answer = Client.find(args).get("lists")
    if args.json:
        print_json(answer)
    else:
        print_table(
            COLUMNS, [[hash_list[column] for column in COLUMNS] for hash_list in map(_readable, answer["lists"])]
        )
    return Exit.DONE


def _create(args: argparse.Namespace) -> int:
    body = {"name": args.name, **_policy(args)}
    if args.kind:
        body["kind"] = args.kind
    answer = Client.find(args).post("lists", body=_with_reason(body, args))
    _print_list(args, answer)
    return status_of(answer)


def _set(args: argparse.Namespace) -> int:
    body = _policy(args)
    if not body:
        raise UserError(
            "list set: nothing to change; give --mode, --action, --radius, --rotations, --geometry, --protect, "
            "--hosts, --paths, --share, --expires, --min-quality or --description"
        )
    # What a list of millions of entries would block is searched for first.
    answer = Client.find(args).patch("lists", args.name, body=_with_reason(body, args), wait=JUDGED_SECONDS)
    _print_list(args, answer)
    return status_of(answer)


def _with_reason(body: dict[str, Any], args: argparse.Namespace) -> dict[str, Any]:
    return {**body, "why": args.reason} if args.reason else body


def _delete(args: argparse.Namespace) -> int:
    client = Client.find(args)
    if not args.yes and (count := client.get("lists", args.name)["entries"]) > MAX_UNASKED:
        confirm(args, f"this deletes {args.name} and its {counted(count, 'entry', 'entries')}")
    answer = client.delete("lists", args.name, query={"why": args.reason})
    if args.json:
        print_json(answer)
    else:
        print(f"deleted {args.name} and its {counted(answer['removed']['entries'], 'entry', 'entries')}")
    return status_of(answer)


def _show(args: argparse.Namespace) -> int:
    client = Client.find(args)
    hash_list = client.get("lists", args.name)
    page = client.get("lists", args.name, "entries", query={"cursor": args.cursor, "limit": args.limit})
    if args.json:
        print_json({"list": hash_list, **page})
        return Exit.DONE
    _print_list(args, hash_list)
    print()
    print_entries(page["entries"])
    if page["cursor"]:
        print(f"\nmore: edgeward list show {args.name} --cursor {page['cursor']}")
    return Exit.DONE


def _print_list(args: argparse.Namespace, hash_list: dict[str, Any]) -> None:
    if args.json:
        print_json(hash_list)
    else:
        readable = _readable(hash_list)
        fields = [(column, readable[column]) for column in COLUMNS]
        if hash_list["not_matchable"]:
            fields.append(("match nothing", _comma_separated(hash_list["not_matchable"])))
        print_fields(fields)


def _readable(hash_list: dict[str, Any]) -> dict[str, Any]:
    flags = {name: "yes" if hash_list.get(name) else "no" for name in ("rotations", "geometry", "protect")}
    return {**hash_list, **flags, "radius": _comma_separated(hash_list["radius"]), "limits": in_words(hash_list)}


def _comma_separated(numbers: dict[str, int]) -> str:
    return ", ".join(f"{name}={number}" for name, number in numbers.items())


def print_entries(entries: list[dict[str, Any]]) -> None:
    """Print entries as a table."""
    print_table(ENTRY_COLUMNS, map(_row, entries))


def _row(entry: dict[str, Any]) -> list[object]:
    shown: list[object] = [entry[name] for name in ("id", "type", "value", "quality")]
    return [*shown, iso_time(entry["added_at"]), *(entry.get(name) for name in ("added_by", "act", "reason"))]
