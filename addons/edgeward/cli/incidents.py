"""`incidents`: what was blocked, or (lists in monitor mode) would have been, or is to be reviewed."""

import argparse
from typing import Any

from edgeward.cli.client import Client
from edgeward.cli.options import Subparsers, add_command
from edgeward.cli.output import moment, print_json, print_table
from edgeward.errors import Exit

TITLES = ("at", "decision", "reason", "list", "entry", "type", "distance", "view", "frame", "label", "score", "url")


def add_parser(subparsers: Subparsers) -> None:
    parser = add_command(
        subparsers,
        "incidents",
        "show what was blocked, or would have been by lists in monitor mode, or what classifiers want reviewed",
        _incidents,
    )
    parser.add_argument("--limit", type=int, default=100, metavar="N", help="how many (100)")


def _incidents(args: argparse.Namespace) -> int:
    answer = Client.find(args).get("incidents", query={"limit": args.limit})
    if args.json:
        print_json(answer)
        return Exit.DONE
    print_table(TITLES, [_row(incident) for incident in answer["incidents"]])
    return Exit.DONE


def _row(incident: dict[str, Any]) -> list[object]:
    """What says nothing is None: a classifier's incident has no match, and all others have no label."""
    matched, labelled = bool(incident["entry"]), bool(incident["label"])
    return [
        moment(incident["at"]),
        incident["decision"],
        incident["reason"],
        incident["list"],
        incident["entry"],
        incident["type"],
        *(incident[name] if matched else None for name in ("distance", "view", "frame")),
        f"{incident['classifier']}: {incident['label']}" if labelled else None,
        incident["score"] if labelled else None,
        incident["url"],
    ]
