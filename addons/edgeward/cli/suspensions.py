"""`suspended`, `confirm`: entries that matched too many different images, and were set to monitor."""

import argparse

from edgeward.cli.client import Client
from edgeward.cli.options import Subparsers, add_command
from edgeward.cli.output import iso_time, print_json, print_table
from edgeward.cli.wait_options import status_of
from edgeward.errors import Exit

COLUMNS = ("id", "list", "type", "since", "images", "by", "act", "reason")


def add_parser(subparsers: Subparsers) -> None:
    add_command(
        subparsers,
        "suspended",
        "show entries that were set to monitor, because they matched too many different images",
        _suspended,
        "Show the entries that were set to monitor, because they matched more than guard.entry_images different images "
        "in a day. They block nothing until you confirm them.",
    )
    confirm = add_command(
        subparsers,
        "confirm",
        "let a suspended entry block again",
        _confirm,
        "Let a suspended entry block again, and purge what it matches. It is not set to monitor once more.",
    )
    confirm.add_argument("id", metavar="ID", help="id of the entry: see `edgeward suspended`")
    confirm.add_argument("--reason", metavar="TEXT", help="why, for the audit trail")


def _suspended(args: argparse.Namespace) -> int:
    answer = Client.find(args).get("suspended")
    if args.json:
        print_json(answer)
        return Exit.DONE
    rows = []
    for entry in answer["suspended"]:
        shown = {**entry, "since": iso_time(entry["suspended_at"]), "by": entry["added_by"]}
        rows.append([shown.get(name) for name in COLUMNS])
    print_table(COLUMNS, rows)
    return Exit.DONE


def _confirm(args: argparse.Namespace) -> int:
    answer = Client.find(args).post("suspended", args.id, "confirm", body={"why": args.reason or ""})
    if args.json:
        print_json(answer)
    else:
        print(f"{args.id} on {answer['entry']['list']} blocks again")
    return status_of(answer)
