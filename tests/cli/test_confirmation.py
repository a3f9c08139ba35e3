"""The question before a command that takes away very much."""

import argparse
import os
import pty
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from edgeward.cli.confirmation import add_yes, confirm
from edgeward.errors import UserError

WHAT = "this removes 1200 entries from court"


def args(*argv: str, json: bool = False) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    add_yes(parser, "removes much")
    return argparse.Namespace(json=json, **vars(parser.parse_args(argv)))


@contextmanager
def terminal() -> Iterator[int]:
    """The other end of a terminal that is standard input and standard error. Not a fixture: pytest sets both anew
    before a test begins."""
    ours, theirs = pty.openpty()
    known = sys.stdin, sys.stderr
    with os.fdopen(os.dup(theirs), "r") as sys.stdin, os.fdopen(theirs, "w") as sys.stderr:
        try:
            yield ours
        finally:
            sys.stdin, sys.stderr = known
    os.close(ours)


@pytest.mark.parametrize("answer", ["y", "YES", " yes "])
def test_yes_goes_on(answer: str) -> None:
    """The question has the number."""
    with terminal() as end:
        os.write(end, f"{answer}\n".encode())
        confirm(args(), WHAT)
        shown = b""
        while b"[y/N]" not in shown:  # the terminal echoes the answer too
            shown += os.read(end, 1000)
        assert f"{WHAT}. Go on? [y/N]".encode() in shown


@pytest.mark.parametrize("answer", ["", "n", "yess", "no"])
def test_anything_else_changes_nothing(answer: str) -> None:
    """Status 2."""
    with terminal() as end, pytest.raises(UserError, match=r"^nothing was changed"):
        os.write(end, f"{answer}\n".encode())
        confirm(args(), WHAT)


def test_scripts_are_not_asked() -> None:
    """With --json, or without a terminal, it is an error that names the option; with --yes nothing is asked."""
    with terminal(), pytest.raises(UserError, match="1200 entries from court: give --yes to do it"):
        confirm(args(json=True), WHAT)
    with pytest.raises(UserError, match="give --yes"):
        confirm(args(), WHAT)
    confirm(args("--yes", json=True), WHAT)
