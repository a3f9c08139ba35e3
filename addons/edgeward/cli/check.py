"""`check`: would this picture be blocked now?"""

import argparse
from typing import Any

from edgeward.cli import files
from edgeward.cli.client import Client
from edgeward.cli.options import Subparsers, add_command
from edgeward.cli.output import cell, print_json
from edgeward.errors import Exit
from edgeward.types import View


def add_parser(subparsers: Subparsers) -> None:
    parser = add_command(
        subparsers,
        "check",
        "say whether pictures would be blocked now",
        _check,
        "Match pictures against the lists of this moment. Files and downloads are sent to the admin API, "
        "which hashes and drops them. Exit status 1 if one of them would be blocked.",
    )
    parser.add_argument(
        "sources", nargs="+", metavar="FILE|URL", help="a picture: a file, or an http(s) URL to download"
    )


def _check(args: argparse.Namespace) -> int:
    client = Client.find(args)
    answers = [_one(client, source) for source in args.sources]
    if args.json:
        print_json([{"source": source, **answer} for source, answer in zip(args.sources, answers, strict=True)])
    else:
        for source, answer in zip(args.sources, answers, strict=True):
            _print(source, answer)
    return Exit.FOUND if any(answer["decision"] == "block" for answer in answers) else Exit.DONE


def _one(client: Client, source: str) -> dict[str, Any]:
    body = files.read(source)
    with files.named(source):
        answer: dict[str, Any] = client.post("check", body=body)
    return answer


def _print(source: str, answer: dict[str, Any]) -> None:
    print(f"{cell(source)}: {answer['decision']} ({answer['reason']})")
    for match in answer["matches"]:
        reason = f": {cell(match['reason'])}" if match["reason"] else ""
        print(
            f"  {match['type']} at distance {match['distance']} of entry {match['entry']} "
            f"on {match['kind']}list {match['list']} ({match['mode']}){_where(match)}{reason}"
        )


def _where(match: dict[str, Any]) -> str:
    """What of the picture matched, where it is not simply the picture."""
    view = "" if match["view"] == View.STORED else f", {match['view']}"
    frame = f", frame {match['frame']}" if match["frame"] else ""
    return view + frame
