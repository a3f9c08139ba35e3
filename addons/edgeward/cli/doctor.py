"""`doctor`: checks caches, store, lists, access and isolation."""

import argparse
import asyncio
import os
from dataclasses import asdict
from typing import Any

from edgeward.cli.client import Client
from edgeward.cli.options import Subparsers, add_command, load_config
from edgeward.cli.output import print_json, print_table
from edgeward.cli.url_arguments import url_argument
from edgeward.errors import ApiUnavailable, Exit, Forbidden

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
        "credentials can't purge. Send a client's request through the proxy and each cache to the origin. Check the "
        "store, the lists, the clocks and the isolation of hashers. Without a controller, check from this machine what "
        "can be checked, and say why the store or the proxy does not work. "
        "Exit status 1 if something must be fixed.",
    )
    parser.add_argument(
        "--url", type=url_argument, metavar="URL", help="a harmless object that the caches store, for the test"
    )


def _ask(args: argparse.Namespace) -> dict[str, Any]:
    """The answer of the API. If that of this machine does not answer, what can be found out without it."""
    try:
        body = {"url": args.url} if args.url else {}
        answer: dict[str, Any] = Client.find(args).post("doctor", body=body, wait=WAIT_SECONDS)
        return answer
    except (ApiUnavailable, Forbidden) as error:
        if os.environ.get("EDGEWARD_API"):
            raise  # another machine's: its settings are not known here
        return _examine_locally(args, str(error))


def _examine_locally(args: argparse.Namespace, why: str) -> dict[str, Any]:
    from edgeward.doctor.local import examine_locally
    from edgeward.operations.urls import parse_url

    target = parse_url(args.url, "--url") if args.url else None
    findings = asyncio.run(examine_locally(load_config(args), why, target))
    return {
        "well": not any(finding.is_failure for finding in findings),
        "findings": [asdict(finding) for finding in findings],
    }


def _doctor(args: argparse.Namespace) -> int:
    answer = _ask(args)
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
