"""`incidents`: what was blocked, or (lists in monitor mode) would have been."""

import argparse

from edgeward.cli.client import Client
from edgeward.cli.options import Subparsers, add_command
from edgeward.cli.output import moment, print_json, print_table
from edgeward.errors import Exit

TITLES = ("at", "decision", "reason", "list", "entry", "type", "distance", "url")


def add_parser(subparsers: Subparsers) -> None:
    parser = add_command(
        subparsers,
        "incidents",
        "show what was blocked, or would have been by lists in monitor mode",
        _incidents,
    )
    parser.add_argument("--limit", type=int, default=100, metavar="N", help="how many (100)")


def _incidents(args: argparse.Namespace) -> int:
    answer = Client.find(args).get("incidents", query={"limit": args.limit})
    if args.json:
        print_json(answer)
        return Exit.DONE
    print_table(
        TITLES,
        [
            [
                moment(i["at"]),
                i["decision"],
                i["reason"],
                i["list"],
                i["entry"],
                i["type"],
                i["distance"],
                i["url"],
            ]
            for i in answer["incidents"]
        ],
    )
    return Exit.DONE
