"""`add`, `remove`: entries of lists."""

import argparse
from collections import Counter
from typing import Any

from edgeward.cli import image_sources
from edgeward.cli.client import Client
from edgeward.cli.lists import print_entries
from edgeward.cli.options import Subparsers, add_command
from edgeward.cli.output import counted, print_json, print_note
from edgeward.cli.wait_options import add_wait, status_of, wait_query, wait_seconds
from edgeward.errors import BadImage, Exit, UserError


def add_parser(subparsers: Subparsers) -> None:
    add = add_command(
        subparsers,
        "add",
        "add hashes or images to a list: they are blocked from now on, and cached copies are purged",
        _add,
        "Add hashes or images to a list. The admin API hashes images and keeps none. When it ends, every proxy "
        "acts on the entries. With --wait, every cached copy seen so far is verified gone too.",
    )
    add.add_argument("list", metavar="LIST", help="the list's name")
    add.add_argument("--image", action="append", default=[], metavar="FILE", help="an image to list (repeatable)")
    add.add_argument(
        "--hash",
        action="append",
        default=[],
        metavar="TYPE:HEX",
        help="a hash to list, such as pdq:f8… (repeatable)",
    )
    add.add_argument("--reason", metavar="TEXT", help="why, for the entry and the audit trail")
    add.add_argument("--quality", type=int, metavar="N", help="quality 0..100 of the given PDQ hashes, if known")
    add.add_argument("--signals", metavar="TYPES", help="signal types to list of each image (default: sha256,pdq)")
    add_wait(add)
    remove = add_command(subparsers, "remove", "remove an entry from a list: it blocks nothing from now on", _remove)
    remove.add_argument("list", metavar="LIST", help="the list's name")
    remove.add_argument("entry", metavar="ENTRY", help="the entry's id, as `edgeward list show` prints it")
    remove.add_argument("--reason", metavar="TEXT", help="why, for the audit trail")


def _add(args: argparse.Namespace) -> int:
    _check_arguments(args)
    pictures = [(name, image_sources.read_file(name)) for name in args.image]
    for name, body in pictures:
        _check_picture(name, body)
    client = Client.find(args)
    responses = [_add_hashes(client, args)] if args.hash else []
    for name, body in pictures:
        with image_sources.naming_source(name):
            responses.append(_add_picture(client, args, body))
    return _print_added(args, _merge_responses(responses))


def _check_arguments(args: argparse.Namespace) -> None:
    """Refuse a wrong command before anything is sent, so that it never lists only a part.

    Raises:
        UserError, BadSignal: the message names what is wrong.
    """
    if not args.image and not args.hash:
        raise UserError("add: nothing to list; give --image FILE or --hash TYPE:HEX")
    if args.signals and not args.image:
        raise UserError("add: --signals needs an image; give --image FILE too")
    if args.hash:
        from edgeward.hashing.signal_registry import hashable_types
        from edgeward.hashing.signals import parse
        from edgeward.types import TYPES_WITH_QUALITY

        # Types that are not installed on this machine are checked by the API alone.
        checkable = [
            text for text in args.hash if ":" not in text or text.partition(":")[0].strip().lower() in hashable_types()
        ]
        types = {parse(text).type for text in checkable}
        if args.quality is not None and not types & TYPES_WITH_QUALITY:
            raise UserError("add: --quality needs a PDQ hash; give --hash pdq:HEX too")
    elif args.quality is not None:
        raise UserError("add: --quality needs a PDQ hash; give --hash pdq:HEX too")


def _check_picture(name: str, body: bytes) -> None:
    from edgeward.hashing.media_types import NOT_AN_IMAGE, sniff

    if sniff(body) is None:
        raise BadImage(f"{name}: {NOT_AN_IMAGE}")


def _add_hashes(client: Client, args: argparse.Namespace) -> dict[str, Any]:
    fields = {"hashes": args.hash, "quality": args.quality, "reason": args.reason}
    body = {name: value for name, value in fields.items() if value is not None}
    response: dict[str, Any] = client.post(
        "lists", args.list, "entries", body=body, query=wait_query(args), wait=wait_seconds(args)
    )
    return response


def _add_picture(client: Client, args: argparse.Namespace, body: bytes) -> dict[str, Any]:
    query = {"reason": args.reason, "signals": args.signals, **wait_query(args)}
    response: dict[str, Any] = client.post(
        "lists", args.list, "entries", body=body, query=query, wait=wait_seconds(args)
    )
    return response


def _merge_responses(responses: list[dict[str, Any]]) -> dict[str, Any]:
    """One object for the responses to several requests, as if there had been one request."""
    merged = {
        "entries": [entry for response in responses for entry in response["entries"]],
        "version": max(response["version"] for response in responses),
        "active": all(response["active"] for response in responses),
        "waiting_for": sorted({replica for response in responses for replica in response["waiting_for"]}),
        "notes": [text for response in responses for text in response["notes"]],
    }
    if purges := [response["purge"] for response in responses if response.get("purge")]:
        owed: Counter[str] = Counter()
        refused: Counter[str] = Counter()
        for purge in purges:
            owed.update(purge["owed"])
            refused.update(purge.get("refused", {}))
        merged["purge"] = {
            "orders": sum(purge["orders"] for purge in purges),
            "owed": dict(owed),
            "refused": dict(refused),
            "matched": all(purge["matched"] for purge in purges),
        }
    return merged


def _print_added(args: argparse.Namespace, response: dict[str, Any]) -> int:
    if args.json:
        print_json(response)
        return status_of(response)
    print_entries(response["entries"])
    for text in response["notes"]:
        print_note(text)
    status = status_of(response)
    if args.wait and status is Exit.DONE:
        print(f"{counted(response['purge']['orders'], 'purge')} done and verified")
    return status


def _remove(args: argparse.Namespace) -> int:
    response = Client.find(args).delete("lists", args.list, "entries", args.entry, query={"why": args.reason})
    if args.json:
        print_json(response)
    else:
        removed = response["removed"]
        print(f"removed {removed['type']}:{removed['value']} from {removed['list']}")
    return status_of(response)
