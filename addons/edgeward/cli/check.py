"""`check`: whether images, also those of which only a hash is known, would be blocked now."""

import argparse
from typing import Any

from edgeward.cli import image_sources
from edgeward.cli.client import Client
from edgeward.cli.image_results import print_each
from edgeward.cli.options import Subparsers, add_command, integer
from edgeward.cli.output import printable
from edgeward.errors import EdgewardError, Forbidden, Unavailable, UserError
from edgeward.types import TYPES_WITH_QUALITY, View


def add_parser(subparsers: Subparsers) -> None:
    parser = add_command(
        subparsers,
        "check",
        "check whether images, or hashes of images, would be blocked now",
        _check,
        "Match images, or hashes of images, against the current lists. The bytes of files and downloads are sent to "
        "the admin API, which hashes them and keeps nothing. Exit status 1 if one of them would be blocked.",
    )
    parser.add_argument(
        "sources", nargs="*", metavar="FILE|URL", help="an image: a file, or an http(s) URL to download"
    )
    parser.add_argument(
        "--hash",
        action="append",
        default=[],
        metavar="TYPE:HEX",
        help="a hash: what would happen to an image that has it (repeatable)",
    )
    parser.add_argument(
        "--at",
        metavar="URL",
        help="where it is served: lists may act at some hosts and paths alone (a URL that is "
        "downloaded is asked about at that URL)",
    )
    parser.add_argument("--quality", type=integer, metavar="N", help="quality 0..100 of the given PDQ hashes, if known")


def _check(args: argparse.Namespace) -> int:
    if not args.sources and not args.hash:
        raise UserError("check: nothing to check; give FILE, URL or --hash TYPE:HEX")
    if args.quality is not None and not args.hash:
        raise UserError("check: --quality needs a PDQ hash; give --hash pdq:HEX too")
    client = Client.find(args)
    answers = [(source, _check_image(client, source, args.at)) for source in args.sources]
    answers += [(text, _check_hash(client, text, args.quality, args.at)) for text in args.hash]
    return print_each(args.json, "source", answers, dict, _print, lambda answer: answer["decision"] == "block")


def _check_image(client: Client, source: str, at: str | None) -> dict[str, Any] | EdgewardError:
    """The API's answer, or why there is none for this image. Raises as `_ask`."""
    try:
        body = image_sources.read(source)
    except EdgewardError as error:
        return error
    return _ask(client, source, body, at or (source if image_sources.is_url(source) else None))


def _check_hash(client: Client, text: str, quality: int | None, at: str | None) -> dict[str, Any] | EdgewardError:
    """The same for a hash. `quality`: of one whose type has it."""
    has_quality = quality is not None and text.partition(":")[0].strip().lower() in TYPES_WITH_QUALITY
    more = ({"quality": quality} if has_quality else {}) | ({"at": at} if at else {})
    return _ask(client, text, {"hash": text, **more})


def _ask(client: Client, source: str, body: object, at: str | None = None) -> dict[str, Any] | EdgewardError:
    """
    Args:
        at: URL of the target that is asked about, where the body does not name it.

    Raises:
        EdgewardError: the API answers for no image: it is unavailable, or the token is refused.
    """
    try:
        with image_sources.naming_source(source):
            answer: dict[str, Any] = client.post("check", body=body, query={"at": at})
            return answer
    except (Forbidden, Unavailable):
        raise
    except UserError as error:
        return error


def _print(source: str, answer: dict[str, Any]) -> None:
    print(f"{printable(source)}: {answer['decision']} ({answer['reason']})")
    for match in answer["matches"]:
        reason = f": {printable(match['reason'])}" if match["reason"] else ""
        details = f"{_part_that_matched(match)}{_source(match)}{reason}"
        print(
            f"  {match['type']} at distance {match['distance']} of entry {match['entry']} "
            f"on {match['kind']}list {match['list']} ({_mode(match)}){details}"
        )
    if answer["decision"] == "block":
        for act in dict.fromkeys(match.get("act") for match in answer["matches"] if match["kind"] == "block"):
            if act:
                print(f"  to take back what {act} listed: edgeward undo {act}")


def _mode(match: dict[str, Any]) -> str:
    """The mode of the list, and that which it has at the URL that was asked about, if that is another."""
    here = match.get("mode_here", match["mode"])
    return str(match["mode"]) if here == match["mode"] else f"{match['mode']}, here {here}"


def _source(match: dict[str, Any]) -> str:
    """What the programme that the hash came from calls it; "" if it has not said that."""
    source_id = f", source id {printable(match['source_id'])}" if match.get("source_id") else ""
    tags = f", tags {printable(', '.join(match['tags']))}" if match.get("tags") else ""
    return source_id + tags


def _part_that_matched(match: dict[str, Any]) -> str:
    """The view and frame that matched; "" for the image as it is stored."""
    view = "" if match["view"] == View.STORED else f", {match['view']}"
    frame = f", frame {match['frame']}" if match["frame"] else ""
    return view + frame
