"""The command line: all commands, and the exit status for each way in which a command ends."""

import argparse
import json
import os
import re
import sys
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from importlib import import_module
from typing import NoReturn

from edgeward import __version__
from edgeward.cli.options import add_common
from edgeward.errors import EdgewardError, Exit, UserError

COMMANDS: Mapping[str, Sequence[str]] = {
    "processes": ("run", "proxy", "controller", "demo"),
    "hash": ("hash",),
    "check": ("check",),
    "lists": ("lists", "list"),
    "what_if": ("what-if",),
    "entries": ("add",),
    "entry_search": ("entries",),
    "removal": ("undo", "remove"),
    "imports": ("import", "sync"),
    "sources": ("sources",),
    "report": ("report",),
    "jobs": ("jobs",),
    "held": ("held", "approve", "reject"),
    "suspensions": ("suspended", "confirm"),
    "export": ("export",),
    "history": ("history", "diff"),
    "rollback": ("rollback",),
    "audit": ("audit",),
    "purges": ("purge", "purges"),
    "caches": ("caches",),
    "takedowns": ("takedown", "takedowns", "receipt"),
    "sightings": ("sightings",),
    "incidents": ("incidents",),
    "tokens": ("token",),
    "config": ("config",),
    "store": ("store",),
    "replicas": ("replicas",),
    "doctor": ("doctor",),
}
"""The modules with `add_parser(subparsers)` and the commands of each, in the order of the help text."""

INTERRUPTED = 128 + 2
PIPE_CLOSED = 128 + 13
"""As shells report it: 128 + the number of the signal (SIGINT, SIGPIPE)."""


class Parser(argparse.ArgumentParser):
    """A parser that raises a `UserError` for a wrong command line, so that it looks like every other error."""

    def error(self, message: str) -> NoReturn:
        raise UserError(f"{_with_similar_command(message)} (see `{self.prog} --help`)")


def _with_similar_command(message: str) -> str:
    """argparse's message, but for an unknown command the most similar one instead of the list of all."""
    unknown = re.match(r"argument COMMAND: invalid choice: '(.*)' \(choose from (.*)\)$", message, re.DOTALL)
    if not unknown:
        return message
    similar = get_close_matches(unknown[1], re.findall(r"[a-z-]+", unknown[2]), n=1)
    return f"unknown command {unknown[1]!r}{f': did you mean {similar[0]}?' if similar else ''}"


def parser(argv: Sequence[str] = ()) -> argparse.ArgumentParser:
    """The parser of the whole command line; of one command and those of its module alone, if `argv` begins with it.

    To import the modules of all commands takes longer than most commands do.
    """
    top = Parser(
        prog="edgeward",
        description="Keeps removed images from lingering at the edge: blocks listed images in transit "
        "and purges every cached copy.",
        epilog="Exit status: 0 done; 1 a match was found, a check failed, or a cache still owes a purge; "
        "2 wrong command, settings or input; 3 a service is unavailable.",
    )
    top.add_argument("--version", action="version", version=f"edgeward {__version__}")
    add_common(top, top=True)
    subparsers = top.add_subparsers(title="commands", metavar="COMMAND", required=True)
    own = [module for module, commands in COMMANDS.items() if argv and argv[0] in commands]
    for module in own or COMMANDS:
        import_module(f"edgeward.cli.{module}").add_parser(subparsers)
    return top


def main(argv: Sequence[str]) -> int:
    """Run one command and return its exit status.

    Raises:
        EdgewardError: the command failed; `run` turns it into a message and an exit status.
        SystemExit: after --help and --version.
    """
    top = parser(argv)
    if not argv:
        top.print_help(sys.stderr)
        return Exit.USER_ERROR
    args, unknown = top.parse_known_args(argv)
    if unknown:  # `parse_args` would refer to the help of the top command
        raise UserError(f"unrecognized arguments: {' '.join(unknown)} (see `{args.prog} --help`)")
    return int(args.command(args))


def run() -> NoReturn:
    """The console script: run the command and end the process with its exit status."""
    argv = sys.argv[1:]
    try:
        status = main(argv)
        sys.stdout.flush()
    except EdgewardError as error:
        status = int(error.exit_status)
        _print_error(error, as_json="--json" in argv)
    except KeyboardInterrupt:
        status = INTERRUPTED
    except BrokenPipeError:
        # The reader (`| head`) has closed the pipe. The interpreter must not try to flush the rest at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        status = PIPE_CLOSED
    sys.exit(status)


def _print_error(error: EdgewardError, as_json: bool) -> None:
    if as_json:
        problem = {"error": str(error), "kind": type(error).__name__, "exit_status": int(error.exit_status)}
        print(json.dumps(problem, indent=2), flush=True)
        return
    for line in str(error).splitlines():
        print(f"edgeward: {line}", file=sys.stderr)
