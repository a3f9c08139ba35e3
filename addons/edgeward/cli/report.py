"""`report`: tell the programme that listed an entry what it turned out to be."""

import argparse

from edgeward.cli.client import Client
from edgeward.cli.options import Subparsers, add_command
from edgeward.cli.output import print_json
from edgeward.errors import Exit


def add_parser(subparsers: Subparsers) -> None:
    report = add_command(
        subparsers,
        "report",
        "tell the programme that listed an entry whether it is right",
        _report,
        "Tell the programme that listed an entry (NCMEC, StopNCII) what it turned out to be. Its exchange must have "
        "feedback = true. The hash, the programme's own id and the vote are sent, and nothing else. The entry stays as "
        "it is: `edgeward remove` takes it off.",
    )
    report.add_argument("id", metavar="ID", help="id of the entry, also of one that was removed")
    report.add_argument(
        "--as",
        dest="decided",
        choices=("match", "mistake"),
        required=True,
        help="match: it blocks what it is meant for; mistake: it does not",
    )
    report.add_argument("--reason", metavar="TEXT", help="why, for the audit trail; it is not sent")


def _report(args: argparse.Namespace) -> int:
    body = {"decided": args.decided, "why": args.reason or ""}
    answer = Client.find(args).post("entries", args.id, "feedback", body=body)
    if args.json:
        print_json(answer)
    else:
        print(f"{args.id} is reported to {answer['source']} as a {args.decided}: see `edgeward sources`")
    return Exit.DONE
