"""`undo`, `remove`: what was listed is taken back."""

import argparse
from typing import Any

from edgeward.cli import image_sources
from edgeward.cli.client import Client
from edgeward.cli.confirmation import MAX_UNASKED, add_yes, confirm
from edgeward.cli.options import Subparsers, add_command
from edgeward.cli.output import iso_time, print_json, print_note, printable
from edgeward.cli.wait_options import add_timeout, status_of
from edgeward.errors import Exit, NotFound, UserError
from edgeward.quantities import counted

MAX_SHOWN = 20
"""Entries that are named one by one. --json has the first thousand."""
REMOVAL_SECONDS = 570.0
"""Longest wait for a removal: a million entries take about 20 seconds."""


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
    add_yes(undo, f"takes back more than {MAX_UNASKED} entries")
    _add_remove(subparsers)


def _add_remove(subparsers: Subparsers) -> None:
    remove = add_command(
        subparsers,
        "remove",
        "remove an entry, or all entries that have something in common, from a list",
        _remove,
        "Remove from a list an entry, or all entries of an image, a hash, a job or a programme's record. Then it says "
        "what still blocks their images. To take back all that one command has listed, use `edgeward undo`.",
    )
    remove.add_argument("list", metavar="LIST", help="the list's name")
    remove.add_argument("entry", nargs="?", metavar="ENTRY", help="an entry's id, as `edgeward entries` prints it")
    remove.add_argument("--image", metavar="FILE", help="an image: all its hashes, and those of its smaller copies")
    remove.add_argument("--hash", action="append", default=[], metavar="TYPE:HEX", help="a hash (repeatable)")
    remove.add_argument("--job", metavar="ID", help="all that this import, takedown or act has listed there")
    remove.add_argument("--source-id", metavar="ID", help="all with this id of the programme that they came from")
    remove.add_argument("--dry-run", action="store_true", help="say what would be removed, and what would still block")
    remove.add_argument("--reason", metavar="TEXT", help="why, for the audit trail")
    add_yes(remove, f"removes more than {MAX_UNASKED} entries")


def _undo(args: argparse.Namespace) -> int:
    client, query = Client.find(args), {"why": args.reason, "timeout": args.timeout}
    if not args.yes and (count := _added(client, args.act)) > MAX_UNASKED:
        confirm(args, f"this takes back {counted(count, 'entry', 'entries')}")
    answer = client.send("DELETE", ("acts", args.act), query, wait=args.timeout)
    if args.json:
        print_json(answer)
    else:
        _print_undo(answer)
    status = status_of(answer)
    if answer["state"] != "done":
        print_note(f"the undo goes on: `edgeward undo {args.act}` shows how far it is")
        return Exit.FOUND
    return Exit.FOUND if _may_block(answer["still"]) else status


def _added(client: Client, act: str) -> int:
    """How many entries an act has listed; 0 if there is none on record: the undo says why."""
    try:
        return int(client.get("acts", act).get("added", 0))
    except NotFound:
        return 0


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
    given = [name for name in ("entry", "image", "hash", "job", "source_id") if getattr(args, name)]
    if len(given) != 1:
        raise UserError("remove: give one of ENTRY, --image FILE, --hash TYPE:HEX, --job ID and --source-id ID")
    client = Client.find(args)
    if args.entry and not args.dry_run:
        query = {"why": args.reason}
        answer = client.delete("lists", args.list, "entries", args.entry, query=query)
        removed, count = [answer["removed"] or {}], 1
    else:
        answer = _remove_many(client, args)
        removed, count = answer["removed"], answer.get("count", len(answer["removed"]))
    if args.json:
        print_json(answer)
    else:
        _print_removed(args, removed, count)
        _print_remaining(answer.get("remaining"))
        _print_still(answer["still"])
    status = Exit.DONE if args.dry_run else status_of(answer)
    return status if removed and not _may_block(answer["still"]) else Exit.FOUND


def _remove_many(client: Client, args: argparse.Namespace) -> dict[str, Any]:
    if args.image:
        return _remove_image(client, args)
    what = {"entries": [args.entry] if args.entry else [], "hashes": args.hash, "act": args.job}
    what |= {"source_id": args.source_id, "why": args.reason}
    body = {name: value for name, value in what.items() if value}
    if (args.job or args.source_id) and not args.yes and not args.dry_run:
        count = _removal(client, args, {**body, "dry_run": True})["count"]
        if count > MAX_UNASKED:
            confirm(args, f"this removes {counted(count, 'entry', 'entries')} from {args.list}")
    return _removal(client, args, {**body, "dry_run": True} if args.dry_run else body)


def _removal(client: Client, args: argparse.Namespace, body: dict[str, Any]) -> dict[str, Any]:
    answer: dict[str, Any] = client.post("lists", args.list, "removals", body=body, wait=REMOVAL_SECONDS)
    return answer


def _remove_image(client: Client, args: argparse.Namespace) -> dict[str, Any]:
    body = image_sources.read_file(args.image)
    query = {"why": args.reason, "dry_run": "true" if args.dry_run else None}
    with image_sources.naming_source(args.image):
        answer: dict[str, Any] = client.post("lists", args.list, "removals", body=body, query=query)
    return answer


def _print_removed(args: argparse.Namespace, removed: list[dict[str, Any]], count: int) -> None:
    verb = "would remove" if args.dry_run else "removed"
    for entry in removed[:MAX_SHOWN]:
        print(f"{verb} {entry['type']}:{entry['value']} from {entry['list']}" if entry else "removed a damaged entry")
    if count > 1:
        print(f"{verb} {counted(count, 'entry', 'entries')} from {args.list}")
    if not removed and args.image:
        print(f"no hash of {printable(args.image)} is on {args.list}: nothing was removed")
    elif not removed:
        print(f"no such entry is on {args.list}: nothing was removed")


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
