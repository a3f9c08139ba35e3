"""`incidents`: matches that were blocked or recorded (monitor mode), and what classifiers want reviewed."""

import argparse
from typing import Any

from edgeward.cli.client import Client
from edgeward.cli.options import Subparsers, add_command, integer
from edgeward.cli.output import iso_time, print_json, print_table
from edgeward.errors import Exit

COLUMNS = (
    *("at", "hits", "decision", "reason", "list", "entry", "act", "type", "distance", "view", "frame", "label"),
    *("score", "source id", "tags", "url"),
)


def add_parser(subparsers: Subparsers) -> None:
    parser = add_command(
        subparsers,
        "incidents",
        "show what was blocked, what lists in monitor mode matched, and what classifiers want reviewed",
        _incidents,
    )
    parser.add_argument("--limit", type=integer, default=100, metavar="N", help="number of incidents (default: 100)")


def _incidents(args: argparse.Namespace) -> int:
    answer = Client.find(args).get("incidents", query={"limit": args.limit})
    if args.json:
        print_json(answer)
        return Exit.DONE
    print_table(COLUMNS, [_row(incident) for incident in answer["incidents"]])
    return Exit.DONE


def _row(incident: dict[str, Any]) -> list[object]:
    """A classifier's incident has no match, and the others have no label: those cells are None."""
    matched, labelled = bool(incident["entry"]), bool(incident["label"])
    return [
        iso_time(incident["at"]),
        incident.get("hits", 1),
        incident["decision"],
        incident["reason"],
        incident["list"],
        incident["entry"],
        incident.get("act"),
        incident["type"],
        *(incident[name] if matched else None for name in ("distance", "view", "frame")),
        f"{incident['classifier']}: {incident['label']}" if labelled else None,
        incident["score"] if labelled else None,
        incident.get("source_id"),
        ", ".join(incident.get("tags", ())),
        incident["url"],
    ]
