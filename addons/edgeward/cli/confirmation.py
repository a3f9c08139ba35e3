"""`--yes`, and the question before a command that takes away very much."""

import argparse
import sys

from edgeward.errors import UserError

MAX_UNASKED = 1000
"""Entries that a command removes without a question."""


def add_yes(parser: argparse.ArgumentParser, when: str) -> None:
    """Add --yes to a command. `when`: what it asks about."""
    parser.add_argument("--yes", action="store_true", help=f"do not ask before the command {when}")


def confirm(args: argparse.Namespace, what: str) -> None:
    """Ask on a terminal whether to go on; the answer is "y" or "yes".

    Args:
        what: what the command would do, with the number: "this removes 1200 entries from court-orders".

    Raises:
        UserError: the answer is another one; or there is nobody to ask, and --yes is not given.
    """
    if args.yes:
        return
    if args.json or not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise UserError(f"{what}: give --yes to do it. Nothing was changed")
    print(f"edgeward: {what}. Go on? [y/N] ", end="", file=sys.stderr, flush=True)
    if sys.stdin.readline().strip().lower() not in ("y", "yes"):
        raise UserError("nothing was changed")
