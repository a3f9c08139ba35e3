"""`check`: whether images would be blocked now."""

import argparse
from typing import Any

from edgeward.cli import image_sources
from edgeward.cli.client import Client
from edgeward.cli.image_results import print_each
from edgeward.cli.options import Subparsers, add_command
from edgeward.cli.output import printable
from edgeward.errors import EdgewardError, Forbidden, Unavailable, UserError
from edgeward.types import View


def add_parser(subparsers: Subparsers) -> None:
    parser = add_command(
        subparsers,
        "check",
        "check whether images would be blocked now",
        _check,
        "Match images against the current lists. The bytes of files and downloads are sent to the admin API, "
        "which hashes them and keeps nothing. Exit status 1 if one of them would be blocked.",
    )
    parser.add_argument(
        "sources", nargs="+", metavar="FILE|URL", help="an image: a file, or an http(s) URL to download"
    )


def _check(args: argparse.Namespace) -> int:
    client = Client.find(args)
    answers = [(source, _check_one(client, source)) for source in args.sources]
    return print_each(args.json, "source", answers, dict, _print, lambda answer: answer["decision"] == "block")


def _check_one(client: Client, source: str) -> dict[str, Any] | EdgewardError:
    """The API's answer, or why there is none for this image.

    Raises:
        EdgewardError: the API answers for no image: it is unavailable, or the token is refused.
    """
    try:
        body = image_sources.read(source)
    except EdgewardError as error:
        return error
    try:
        with image_sources.naming_source(source):
            answer: dict[str, Any] = client.post("check", body=body)
            return answer
    except (Forbidden, Unavailable):
        raise
    except UserError as error:
        return error


def _print(source: str, answer: dict[str, Any]) -> None:
    print(f"{printable(source)}: {answer['decision']} ({answer['reason']})")
    for match in answer["matches"]:
        reason = f": {printable(match['reason'])}" if match["reason"] else ""
        print(
            f"  {match['type']} at distance {match['distance']} of entry {match['entry']} "
            f"on {match['kind']}list {match['list']} ({match['mode']}){_part_that_matched(match)}{reason}"
        )
    if answer["decision"] == "block":
        for act in dict.fromkeys(match.get("act") for match in answer["matches"] if match["kind"] == "block"):
            if act:
                print(f"  to take back what {act} listed: edgeward undo {act}")


def _part_that_matched(match: dict[str, Any]) -> str:
    """The view and frame that matched; "" for the image as it is stored."""
    view = "" if match["view"] == View.STORED else f", {match['view']}"
    frame = f", frame {match['frame']}" if match["frame"] else ""
    return view + frame
