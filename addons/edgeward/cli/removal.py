"""`undo`, `remove`: what was listed is taken back."""

import argparse
from typing import Any

from edgeward.cli import image_sources
from edgeward.cli.client import Client
from edgeward.cli.options import Subparsers, add_command
from edgeward.cli.output import iso_time, print_json, print_note, printable
from edgeward.cli.wait_options import add_timeout, status_of
from edgeward.errors import Exit, UserError
from edgeward.quantities import counted

MAX_SHOWN = 20
"""Entries that are named one by one. --json has them all."""


def add_parser(subparsers: Subparsers) -> None:
    undo = add_command(
        subparsers,
        "undo",
        "take back all that one command, takedown or import has listed",
        _undo,
        "Take back all that one command, takedown or import has listed: every hash and image of it, on every machine. "
        "What another act lists too stays, and is named. Then it says what still blocks these images.",
    )
    undo.add_argument(
        "act",
        metavar="ACT",
        help="the id that `add`, `check`, `list show` and `incidents` print, or of a takedown or job",
    )
    undo.add_argument("--reason", metavar="TEXT", help="why, for the audit trail")
    add_timeout(undo, "maximum time to wait for the undo of a long import, which then goes on (default: 30)")
    remove = add_command(
        subparsers,
        "remove",
        "remove an entry, or all entries of an image, from a list",
        _remove,
        "Remove an entry, or all entries that listing an image has made, from a list. Then it says what still blocks "
        "the image. To take back all that one command has listed, use `edgeward undo`.",
    )
    remove.add_argument("list", metavar="LIST", help="the list's name")
    remove.add_argument("entry", nargs="?", metavar="ENTRY", help="an entry's id, as `edgeward list show` prints it")
    remove.add_argument("--image", metavar="FILE", help="an image: all its hashes, and those of its smaller copies")
    remove.add_argument("--reason", metavar="TEXT", help="why, for the audit trail")


def _undo(args: argparse.Namespace) -> int:
    query = {"why": args.reason, "timeout": args.timeout}
    answer = Client.find(args).send("DELETE", ("acts", args.act), query, wait=args.timeout)
    if args.json:
        print_json(answer)
    else:
        _print_undo(answer)
    status = status_of(answer)
    if answer["state"] != "done":
        print_note(f"the undo goes on: `edgeward undo {args.act}` shows how far it is")
        return Exit.FOUND
    return Exit.FOUND if _may_block(answer["still"]) else status


def _may_block(still: dict[str, Any]) -> bool:
    """Whether an entry still blocks one of the images, or may: not every hash was checked."""
    return bool(still["blocking"] or still["unchecked"])


def _print_undo(answer: dict[str, Any]) -> None:
    act = answer["act"]
    for entry in answer["removed"][:MAX_SHOWN]:
        print(f"removed {entry['type']}:{entry['value']} from {entry['list']}")
    for entry in answer["kept"][:MAX_SHOWN]:
        print(f"kept {entry['type']}:{entry['value']} on {entry['list']}: {_keeper(entry['kept_by'])}")
    for entry in answer.get("restored", ())[:MAX_SHOWN]:
        print(f"put back {entry['type']}:{entry['value']} on {entry['list']}")
    listed = f"{act['list']} by {printable(act['by'])} at {iso_time(act['at'])}"
    put_back = f", {act['restored']} put back" if act.get("restored") else ""
    print(f"{counted(act['removed'], 'entry', 'entries')} removed, {act['kept']} kept{put_back}; listed on {listed}")
    _print_still(answer["still"])


def _keeper(act: str) -> str:
    if not act:
        return "it was listed before acts were recorded, or by too many; `edgeward remove` removes it"
    return f"also listed by {act}; `edgeward undo {act}` takes that back"


def _remove(args: argparse.Namespace) -> int:
    if bool(args.entry) == bool(args.image):
        raise UserError("remove: give either ENTRY or --image FILE")
    client = Client.find(args)
    answer = _remove_image(client, args) if args.image else _remove_entry(client, args)
    removed = answer["removed"] if args.image else [answer["removed"] or {}]
    if args.json:
        print_json(answer)
    else:
        for entry in removed:
            print(
                f"removed {entry['type']}:{entry['value']} from {entry['list']}" if entry else "removed a damaged entry"
            )
        if not removed:
            print(f"no hash of {printable(args.image)} is on {args.list}: nothing was removed")
        _print_remaining(answer.get("remaining"))
        _print_still(answer["still"])
    status = status_of(answer)
    return status if removed and not _may_block(answer["still"]) else Exit.FOUND


def _remove_entry(client: Client, args: argparse.Namespace) -> dict[str, Any]:
    answer: dict[str, Any] = client.delete("lists", args.list, "entries", args.entry, query={"why": args.reason})
    return answer


def _remove_image(client: Client, args: argparse.Namespace) -> dict[str, Any]:
    body = image_sources.read_file(args.image)
    with image_sources.naming_source(args.image):
        answer: dict[str, Any] = client.post("lists", args.list, "removals", body=body, query={"why": args.reason})
    return answer


def _print_remaining(act: dict[str, Any] | None) -> None:
    """What is left of the act that listed a removed entry."""
    if act is None:
        return
    left = counted(act["listed"], "other entry", "other entries")
    at_least = "at least " if act["more"] else ""
    print(f"{at_least}{left} of {act['id']} still listed: `edgeward undo {act['id']}` takes back all")


def _print_still(still: dict[str, Any]) -> None:
    """What still blocks the images of removed entries."""
    for match in still["blocking"][:MAX_SHOWN]:
        undo = match["act"]
        how = f"`edgeward undo {undo}`" if undo else f"`edgeward remove {match['list']} {match['entry']}`"
        print(
            f"still blocked by {match['type']} entry {match['entry']} on {match['list']} "
            f"at distance {match['distance']}: {how}"
        )
    if len(still["blocking"]) > MAX_SHOWN:
        print(f"still blocked by {len(still['blocking']) - MAX_SHOWN} more entries: see --json")
    if still["blocking"] and still["allowed"]:
        print(f"an entry of the allowlist {still['allowed']['list']} lets some of these images pass")
    if still["checked"] and not still["blocking"]:
        checked = f"the {counted(still['checked'], 'hash', 'hashes')} that were checked"
        print(f"no other entry blocks {checked if still['unchecked'] else 'these hashes'}")
    if still["unchecked"]:
        print(f"{counted(still['unchecked'], 'hash', 'hashes')} not checked for other entries: too many")
