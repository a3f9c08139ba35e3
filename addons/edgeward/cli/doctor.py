"""`doctor`: is everything that the promises rest on as it should be?"""

import argparse

from edgeward.cli.client import Client
from edgeward.cli.options import Subparsers, add_command
from edgeward.cli.output import print_json, print_table
from edgeward.errors import Exit

SECONDS = 60.0
TITLES = ("", "part", "check", "finding")
SIGNS = {"ok": "ok", "warn": "WARN", "fail": "FAIL", "skipped": "skipped"}


def add_parser(subparsers: Subparsers) -> None:
    parser = add_command(
        subparsers,
        "doctor",
        "try out caches, store, lists and doors, and say what to mend",
        _doctor,
        "Put a harmless object into each cache, purge it and see it gone; try the same as an outsider; look at the "
        "store, the lists and the clocks. Exit status 1 if something must be mended.",
    )
    parser.add_argument("--url", metavar="URL", help="a harmless object that the caches store, to try them with")


def _doctor(args: argparse.Namespace) -> int:
    answer = Client.find(args).post("doctor", body={"url": args.url} if args.url else {}, wait=SECONDS)
    if args.json:
        print_json(answer)
    else:
        findings = answer["findings"]
        print_table(TITLES, [(SIGNS[each["health"]], each["about"], each["check"], each["said"]) for each in findings])
        for each in findings:
            if each["mend"]:
                print(f"\n{each['about']}, {each['check']}: {each['mend']}.")
    return Exit.DONE if answer["well"] else Exit.FOUND
