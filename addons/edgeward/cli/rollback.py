"""`rollback`: a list is again as it was at a version."""

import argparse

from edgeward.cli.client import Client
from edgeward.cli.imports import finish
from edgeward.cli.options import Subparsers, add_command, integer
from edgeward.cli.output import print_json, print_note
from edgeward.cli.progress_bar import ProgressBar
from edgeward.cli.wait_options import add_wait
from edgeward.errors import Exit

ROLLBACK_SECONDS = 600.0
"""Longest time until a rollback is recorded: what changed since is read first."""


def add_parser(subparsers: Subparsers) -> None:
    rollback = add_command(
        subparsers,
        "rollback",
        "make a list what it was at an earlier version",
        _rollback,
        "Make a list what it was at a version of the lists: what it had then and has not now is listed again, what it "
        "has now and had not then is taken off. Its policy stays. `history` and every change print versions; `undo` of "
        "the job that this prints takes it back.",
    )
    rollback.add_argument("list", metavar="LIST", help="the list's name")
    rollback.add_argument("version", type=integer, metavar="VERSION", help="a version of the lists")
    rollback.add_argument("--reason", default="", metavar="TEXT", help="for the audit trail")
    rollback.add_argument("--dry-run", action="store_true", help="only say what would change, be blocked and be purged")
    add_wait(rollback)
    rollback.set_defaults(file="the difference", format="jsonl", purge_again=False)


def _rollback(args: argparse.Namespace) -> int:
    client = Client.find(args)
    body = {"version": args.version, "why": args.reason, "dry_run": args.dry_run}
    answer = client.send("POST", ("lists", args.list, "rollback"), body=body, wait=ROLLBACK_SECONDS)
    job = answer.get("job", answer)
    if not job["total"] and not job["withdrawals"]:
        if args.json:
            print_json(job)
        else:
            print_note(f"the list {args.list!r} is as it was at version {args.version}")
        return Exit.DONE
    return finish(args, answer, client, ProgressBar(not args.json))
