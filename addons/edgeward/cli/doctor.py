"""`doctor`: checks caches, store, lists, access and isolation."""

import argparse

from edgeward.cli.client import Client
from edgeward.cli.options import Subparsers, add_command
from edgeward.cli.output import print_json, print_table
from edgeward.errors import Exit

WAIT_SECONDS = 60.0
TITLES = ("", "part", "check", "finding")
SIGNS = {"ok": "ok", "warn": "WARN", "fail": "FAIL", "skipped": "skipped"}


def add_parser(subparsers: Subparsers) -> None:
    parser = add_command(
        subparsers,
        "doctor",
        "test caches, store, lists and access, and say what to fix",
        _doctor,
        "Put a harmless object into each cache, purge it and check that it is gone. Check that a client without "
        "credentials can't purge. Check the store, the lists, the clocks and the isolation of hashers. "
        "Exit status 1 if something must be fixed.",
    )
    parser.add_argument("--url", metavar="URL", help="a harmless object that the caches store, for the test")


def _doctor(args: argparse.Namespace) -> int:
    answer = Client.find(args).post("doctor", body={"url": args.url} if args.url else {}, wait=WAIT_SECONDS)
    if args.json:
        print_json(answer)
    else:
        findings = answer["findings"]
        print_table(
            TITLES, [(SIGNS[each["health"]], each["about"], each["check"], each["detail"]) for each in findings]
        )
        for each in findings:
            if each["fix"]:
                print(f"\n{each['about']}, {each['check']}: {each['fix']}.")
    return Exit.DONE if answer["well"] else Exit.FOUND
