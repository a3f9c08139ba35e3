"""The command line: which commands there are, and how each way to end becomes an exit status."""

import argparse
import json
import os
import sys
from collections.abc import Sequence
from typing import NoReturn

from edgeward import __version__
from edgeward.cli import (
    check,
    doctor,
    entries,
    hashes,
    imports,
    incidents,
    lists,
    processes,
    purges,
    settings,
    sightings,
    takedowns,
    tokens,
)
from edgeward.cli.options import add_common
from edgeward.errors import EdgewardError, UserError

COMMANDS = (
    processes,
    hashes,
    check,
    lists,
    entries,
    imports,
    purges,
    takedowns,
    sightings,
    incidents,
    tokens,
    settings,
    doctor,
)
"""Every group of commands: modules with `add_parser(subparsers)`, in the order of the help text."""

INTERRUPTED = 128 + 2
PIPE_CLOSED = 128 + 13


class Parser(argparse.ArgumentParser):
    """A parser whose complaints are `UserError`s, so that they look like every other error."""

    def error(self, message: str) -> NoReturn:
        raise UserError(f"{message} (`{self.prog} --help` explains)")


def parser() -> argparse.ArgumentParser:
    """The whole command line, all commands included."""
    top = Parser(
        prog="edgeward",
        description="Keeps removed images from lingering at the edge: blocks listed images in transit "
        "and purges every cached copy.",
        epilog="Exit status: 0 done, 1 a match was found or a check failed, 2 what was asked can't be done, "
        "3 a service is away.",
    )
    top.add_argument("--version", action="version", version=f"edgeward {__version__}")
    add_common(top, top=True)
    subparsers = top.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for group in COMMANDS:
        group.add_parser(subparsers)
    return top


def main(argv: Sequence[str]) -> int:
    """Run one command and return its exit status.

    Raises:
        EdgewardError: as the command does; `run` turns it into a message and an exit status.
        SystemExit: after --help and --version.
    """
    args = parser().parse_args(argv)
    return int(args.command(args))


def run() -> NoReturn:
    """The console script: ends the process with the exit status of the command."""
    argv = sys.argv[1:]
    try:
        status = main(argv)
        sys.stdout.flush()
    except EdgewardError as error:
        status = int(error.exit_status)
        _report(error, as_json="--json" in argv)
    except KeyboardInterrupt:
        status = INTERRUPTED
    except BrokenPipeError:
        # Whoever read our output has seen enough; the interpreter must not try to flush the rest at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        status = PIPE_CLOSED
    sys.exit(status)


def _report(error: EdgewardError, as_json: bool) -> None:
    if as_json:
        problem = {"error": str(error), "kind": type(error).__name__, "exit_status": int(error.exit_status)}
        print(json.dumps(problem, indent=2), flush=True)
        return
    for line in str(error).splitlines():
        print(f"edgeward: {line}", file=sys.stderr)
