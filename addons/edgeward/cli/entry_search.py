"""`entries`: search for entries, on one list or all."""

import argparse
import shlex
from typing import Any

from edgeward.cli.client import Client
from edgeward.cli.options import Subparsers, add_command, integer
from edgeward.cli.output import iso_time, print_json, print_note, print_table
from edgeward.cli.times import unix_time
from edgeward.errors import Exit, UserError

COLUMNS = ("id", "list", "type", "value", "quality", "added", "by", "act", "source id", "tags", "reason")
MAX_LIMIT = 1000
"""Entries of one answer of the API, about."""
FILTERS = ("hash", "near", "type", "reason", "source_id", "tag", "since", "until")


def add_parser(subparsers: Subparsers) -> None:
    parser = add_command(
        subparsers,
        "entries",
        "find entries by hash, by what is near it, by reason, source, job, tag or time",
        _entries,
        "Find entries on all lists, or on one: those of a hash, those that an image with a hash matches, or those of "
        "which something is known. Several options together select what all of them select.",
    )
    parser.add_argument("list", nargs="?", metavar="LIST", help="only on this list")
    parser.add_argument("--hash", metavar="TYPE:HEX", help="the entry of this hash, on each list that has it")
    parser.add_argument("--near", metavar="TYPE:HEX", help="what an image with this hash matches, nearest first")
    parser.add_argument("--type", metavar="TYPE", help="of this signal type, such as pdq")
    parser.add_argument("--reason", metavar="TEXT", help="with this in the reason, upper or lower case")
    parser.add_argument("--source-id", metavar="ID", help="with this id of the programme that they came from")
    parser.add_argument("--job", "--act", dest="act", metavar="ID", help="listed by this import, takedown or act")
    parser.add_argument("--tag", metavar="TAG", help="with this label of the programme")
    parser.add_argument(
        "--since", type=unix_time, metavar="TIME", help="listed since 2h, 7d (ago) or 2026-12-01T10:30Z"
    )
    parser.add_argument("--until", type=unix_time, metavar="TIME", help="the same, for the end")
    parser.add_argument("--limit", type=integer, default=100, metavar="N", help="about N entries (default: 100)")
    parser.add_argument("--cursor", metavar="CURSOR", help="start where the last page ended")


def _entries(args: argparse.Namespace) -> int:
    if args.hash and args.near:
        raise UserError("entries: give --hash or --near, not both")
    query = {name: getattr(args, name) for name in ("list", "act", *FILTERS)}
    client, cursor = Client.find(args), args.cursor
    # By id: the API may give one twice.
    found: dict[str, dict[str, Any]] = {}
    while True:
        page = client.get(
            "entries", query={**query, "limit": min(MAX_LIMIT, args.limit - len(found)), "cursor": cursor}
        )
        found.update((entry["id"], entry) for entry in page["entries"])
        cursor = page["cursor"]
        if not cursor or len(found) >= args.limit:
            break
    if args.json:
        print_json({"entries": list(found.values()), "cursor": cursor})
        return Exit.DONE
    titles = (*COLUMNS[:-1], "distance", COLUMNS[-1]) if args.near else COLUMNS
    print_table(titles, [_row(entry, bool(args.near)) for entry in found.values()])
    if cursor:
        print_note(f"more: {_next_command(args, cursor)}")
    return Exit.DONE


def _row(entry: dict[str, Any], with_distance: bool) -> list[object]:
    shown: list[object] = [entry[name] for name in ("id", "list", "type", "value", "quality")]
    shown += [iso_time(entry["added_at"]), entry["added_by"], entry["act"], entry.get("source_id")]
    shown += [", ".join(entry.get("tags", ())), *([entry["distance"]] if with_distance else [])]
    return [*shown, entry["reason"]]


def _next_command(args: argparse.Namespace, cursor: str) -> str:
    """The command for the next page."""
    words = ["edgeward", "entries", *([args.list] if args.list else [])]
    for name in ("act", *FILTERS):
        if (value := getattr(args, name)) is not None:
            text = iso_time(value) if isinstance(value, float) else value
            words += [f"--{'job' if name == 'act' else name.replace('_', '-')}", text]
    return shlex.join([*words, "--limit", str(args.limit), "--cursor", cursor])
