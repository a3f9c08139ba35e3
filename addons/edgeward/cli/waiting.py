"""What an acknowledgement covers: every live process acts on it and, with `--wait`, every purge is verified."""

import argparse
from typing import Any

from edgeward.cli.client import Query
from edgeward.cli.output import note
from edgeward.errors import Exit

DEFAULT_TIMEOUT = 30.0


def add_wait(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--wait", action="store_true", help="end only when every purge this causes is verified")
    parser.add_argument(
        "--timeout",
        type=_seconds,
        default=DEFAULT_TIMEOUT,
        metavar="SECONDS",
        help="with --wait: how long at most (30); what is still owed then is named, and the exit status is 1",
    )


def _seconds(text: str) -> float:
    seconds = float(text)
    if not 0 < seconds <= 600:
        raise argparse.ArgumentTypeError(f"{text!r} is not between 0 and 600 seconds")
    return seconds


def wait_query(args: argparse.Namespace) -> Query:
    """What to ask the API for."""
    return {"wait": "verified", "timeout": args.timeout} if args.wait else {}


def wait_seconds(args: argparse.Namespace) -> float:
    """How much longer the answer may take for it."""
    return float(args.timeout) if args.wait else 0.0


def status_of(answer: dict[str, Any]) -> Exit:
    """The exit status of a change: DONE where all of it is in force, else FOUND, and what is missing is named."""
    missing = []
    if not answer["active"]:
        missing.append(f"kept, but not yet known to {', '.join(answer['waiting_for'])}")
    purge = answer.get("purge", {})
    if not purge.get("matched", True):
        missing.append("kept, but not yet matched backwards over all sightings")
    for cache, count in purge.get("owed", {}).items():
        missing.append(f"{cache} still owes {count} purges: they go on, see `edgeward purges`")
    for text in missing:
        note(text)
    return Exit.FOUND if missing else Exit.DONE
