"""`add`, `remove`: the entries of lists."""

import argparse
from collections import Counter
from typing import Any

from edgeward.cli import files
from edgeward.cli.client import Client
from edgeward.cli.lists import print_entries
from edgeward.cli.options import Subparsers, add_command
from edgeward.cli.output import note, print_json
from edgeward.cli.waiting import add_wait, status_of, wait_query, wait_seconds
from edgeward.errors import BadImage, Exit, UserError


def add_parser(subparsers: Subparsers) -> None:
    add = add_command(
        subparsers,
        "add",
        "list hashes or pictures: from now on they are blocked, and their cached copies purged",
        _add,
        "List hashes, or pictures, which the admin API hashes and drops. When the command ends, every proxy knows "
        "the entries; with --wait also every cached copy seen so far is verified gone.",
    )
    add.add_argument("list", metavar="LIST", help="the list's name")
    add.add_argument("--image", action="append", default=[], metavar="FILE", help="a picture to list (repeatable)")
    add.add_argument(
        "--hash",
        action="append",
        default=[],
        metavar="TYPE:HEX",
        help="a hash to list, such as pdq:f8… (repeatable)",
    )
    add.add_argument("--reason", metavar="TEXT", help="why, for the entry and the audit trail")
    add.add_argument("--quality", type=int, metavar="N", help="quality 0..100 of the PDQ hashes given, where known")
    add.add_argument("--signals", metavar="TYPES", help="which hashes of the pictures to list (sha256,pdq)")
    add_wait(add)
    remove = add_command(
        subparsers, "remove", "take an entry off a list: from now on it blocks nothing any more", _remove
    )
    remove.add_argument("list", metavar="LIST", help="the list's name")
    remove.add_argument("entry", metavar="ENTRY", help="the entry's id, as `edgeward list show` prints it")
    remove.add_argument("--reason", metavar="TEXT", help="why, for the audit trail")


def _add(args: argparse.Namespace) -> int:
    _refuse_early(args)
    pictures = [(name, files.read_file(name)) for name in args.image]
    for name, body in pictures:
        _refuse_no_picture(name, body)
    client = Client.find(args)
    answers = [_add_hashes(client, args)] if args.hash else []
    for name, body in pictures:
        with files.named(name):
            answers.append(_add_picture(client, args, body))
    return _print_added(args, _merged(answers))


def _refuse_early(args: argparse.Namespace) -> None:
    """Name what is wrong with the command before anything is sent: nothing shall be listed by halves."""
    if not args.image and not args.hash:
        raise UserError("add: nothing to list; give --image FILE or --hash TYPE:HEX")
    if args.signals and not args.image:
        raise UserError("add: --signals is about pictures; give --image FILE too")
    if args.hash:
        from edgeward.hashing.registry import available
        from edgeward.hashing.signals import parse
        from edgeward.types import RATED

        # What is not installed on this machine is for the API to judge.
        here = [text for text in args.hash if ":" not in text or text.partition(":")[0].strip().lower() in available()]
        types = {parse(text).type for text in here}
        if args.quality is not None and not types & RATED:
            raise UserError("add: --quality is about PDQ; give --hash pdq:HEX too")
    elif args.quality is not None:
        raise UserError("add: --quality is about PDQ; give --hash pdq:HEX too")


def _refuse_no_picture(name: str, body: bytes) -> None:
    from edgeward.hashing.media import sniff

    if sniff(body) is None:
        raise BadImage(f"{name}: no known image format")


def _add_hashes(client: Client, args: argparse.Namespace) -> dict[str, Any]:
    asked = {"hashes": args.hash, "quality": args.quality, "reason": args.reason}
    body = {name: value for name, value in asked.items() if value is not None}
    answer: dict[str, Any] = client.post(
        "lists", args.list, "entries", body=body, query=wait_query(args), wait=wait_seconds(args)
    )
    return answer


def _add_picture(client: Client, args: argparse.Namespace, body: bytes) -> dict[str, Any]:
    query = {"reason": args.reason, "signals": args.signals, **wait_query(args)}
    answer: dict[str, Any] = client.post("lists", args.list, "entries", body=body, query=query, wait=wait_seconds(args))
    return answer


def _merged(answers: list[dict[str, Any]]) -> dict[str, Any]:
    """The answers to several requests as if they had been one."""
    merged = {
        "entries": [entry for answer in answers for entry in answer["entries"]],
        "version": max(answer["version"] for answer in answers),
        "active": all(answer["active"] for answer in answers),
        "waiting_for": sorted({replica for answer in answers for replica in answer["waiting_for"]}),
        "notes": [text for answer in answers for text in answer["notes"]],
    }
    if purges := [answer["purge"] for answer in answers if answer.get("purge")]:
        owed: Counter[str] = Counter()
        for purge in purges:
            owed.update(purge["owed"])
        merged["purge"] = {
            "orders": sum(purge["orders"] for purge in purges),
            "owed": dict(owed),
            "matched": all(purge["matched"] for purge in purges),
        }
    return merged


def _print_added(args: argparse.Namespace, answer: dict[str, Any]) -> int:
    if args.json:
        print_json(answer)
        return status_of(answer)
    print_entries(answer["entries"])
    for text in answer["notes"]:
        note(text)
    status = status_of(answer)
    if args.wait and status is Exit.DONE:
        print(f"{answer['purge']['orders']} purges done and verified")
    return status


def _remove(args: argparse.Namespace) -> int:
    answer = Client.find(args).delete("lists", args.list, "entries", args.entry, query={"why": args.reason})
    if args.json:
        print_json(answer)
    else:
        removed = answer["removed"]
        print(f"removed {removed['type']}:{removed['value']} from {removed['list']}")
    return status_of(answer)
