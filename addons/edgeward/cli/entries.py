"""`add`: hashes and images that are listed."""

import argparse
import secrets
from typing import Any

from edgeward.cli import image_sources, purge_answers
from edgeward.cli.client import Client, Query
from edgeward.cli.lists import print_entries
from edgeward.cli.options import Subparsers, add_command, integer
from edgeward.cli.output import print_json, print_not_matching, print_note
from edgeward.cli.wait_options import add_wait, status_of, wait_query, wait_seconds
from edgeward.errors import ApiUnavailable, BadImage, EdgewardError, Exit, UserError

ACT_ID_PREFIX = "act-"


def add_parser(subparsers: Subparsers) -> None:
    add = add_command(
        subparsers,
        "add",
        "add hashes or images to a list: they are blocked from now on, and cached copies are purged",
        _add,
        "Add hashes or images to a list. The admin API hashes images and keeps none. When it ends, every proxy "
        "acts on the entries. With --wait, every cache has also carried out the purge of every copy seen so far.",
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
    add.add_argument("--quality", type=integer, metavar="N", help="quality 0..100 of the given PDQ hashes, if known")
    add.add_argument("--signals", metavar="TYPES", help="signal types to list of each image (default: sha256,pdq)")
    add_wait(add)


def _add(args: argparse.Namespace) -> int:
    _check_arguments(args)
    pictures = [(name, image_sources.read_file(name)) for name in args.image]
    for name, body in pictures:
        _check_picture(name, body)
    client = Client.find(args)
    # Made here, not by the API: then it is known even if a response is lost.
    act = f"{ACT_ID_PREFIX}{secrets.token_hex(8)}"
    responses: list[dict[str, Any]] = []
    # Several requests may lead to the same orders, so their caches are waited for together.
    query = wait_query(args) if len(pictures) + bool(args.hash) == 1 else {}
    try:
        if args.hash:
            responses.append(_add_hashes(client, args, act, query))
        for name, body in pictures:
            with image_sources.naming_source(name):
                responses.append(_add_picture(client, args, act, body, query))
    except EdgewardError as error:
        if responses or (isinstance(error, ApiUnavailable) and not error.nothing_changed):
            print_note(
                f"a part may be listed: `edgeward undo {act}` takes it back, or says that nothing is listed by it"
            )
        raise
    merged = {"act": act, **_merge_responses(responses)}
    if args.wait and not query:
        merged["purge"] = _wait_purged(client, args, merged, responses)
    return _print_added(args, merged)


def _wait_purged(
    client: Client, args: argparse.Namespace, merged: dict[str, Any], responses: list[dict[str, Any]]
) -> dict[str, Any]:
    """What became of the purges of all that was listed, each counted once."""
    groups = [[entry["id"] for entry in response["entries"]] for response in responses]
    hashes = groups[:1] if args.hash else []
    body = {"entries": hashes[0] if hashes else [], "images": groups[len(hashes) :], "version": merged["version"]}
    try:
        purge: dict[str, Any] = client.post(
            "entries", "purges", body=body, query=wait_query(args), wait=wait_seconds(args)
        )
    except EdgewardError:
        print_note(f"all is listed, `edgeward undo {merged['act']}` takes it back; its purges are not known")
        raise
    return purge


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


def _add_hashes(client: Client, args: argparse.Namespace, act: str, wait: Query) -> dict[str, Any]:
    fields = {"hashes": args.hash, "quality": args.quality, "reason": args.reason, "act": act}
    body = {name: value for name, value in fields.items() if value is not None}
    response: dict[str, Any] = client.post(
        "lists", args.list, "entries", body=body, query=wait, wait=wait_seconds(args)
    )
    return response


def _add_picture(client: Client, args: argparse.Namespace, act: str, body: bytes, wait: Query) -> dict[str, Any]:
    query = {"reason": args.reason, "signals": args.signals, "act": act, **wait}
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
        "silent": list({each["name"]: each for response in responses for each in response.get("silent", ())}.values()),
        "notes": [text for response in responses for text in response["notes"]],
    }
    if unmatched := [each for response in responses for each in response.get("not_matching", ())]:
        merged["not_matching"] = unmatched
    if len(responses) == 1 and responses[0].get("purge"):
        merged["purge"] = responses[0]["purge"]
    return merged


def _print_added(args: argparse.Namespace, response: dict[str, Any]) -> int:
    if args.json:
        print_json(response)
        print_not_matching(response)
        return status_of(response)
    print_entries(response["entries"])
    for text in response["notes"]:
        print_note(text)
    print_not_matching(response)
    print(f"to undo this: edgeward undo {response['act']}")
    status = status_of(response)
    if args.wait and (status is Exit.DONE or purge_answers.is_accepted(response["purge"])):
        print("\n".join(purge_answers.done(response["purge"])))
    return status
