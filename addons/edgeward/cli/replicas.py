"""`replicas`, `replicas forget`: the processes that hold the lists, and those that are not heard from."""

import argparse

from edgeward.cli.client import Client
from edgeward.cli.options import Subparsers, add_command
from edgeward.cli.output import print_json, print_table
from edgeward.errors import Exit

COLUMNS = ("process", "state", "version", "heard from s ago")


def add_parser(subparsers: Subparsers) -> None:
    parser = add_command(
        subparsers,
        "replicas",
        "show the processes that hold the lists, or forget one whose machine is gone",
        _replicas,
        "Show every process that holds the lists: whether it is live, the version of the lists that it reported last, "
        "and when. A silent worker may still serve by older lists. Exit status 1 if one is silent, or lags behind.",
    )
    forget = add_command(
        parser.add_subparsers(title="commands", metavar="forget"),
        "forget",
        "forget a silent process that serves nothing any more",
        _forget,
        "Forget a silent process, or all silent processes of a machine, that serve nothing any more: the machine was "
        "switched off for good, or its caches do not use it. No change of the lists names them again.",
    )
    forget.add_argument("name", metavar="NAME", help="the process, or its machine, as `edgeward replicas` shows them")
    forget.add_argument("--reason", metavar="TEXT", help="why, for the audit trail")


def _replicas(args: argparse.Namespace) -> int:
    answer = Client.find(args).get("replicas")
    if args.json:
        print_json(answer)
    else:
        rows = [[each["id"], each["state"], each["version"], f"{each['age']:.1f}"] for each in answer["replicas"]]
        print_table(COLUMNS, rows)
    late = [each for each in answer["replicas"] if each["state"] != "ended" and each["version"] != answer["version"]]
    return Exit.FOUND if late or any(each["state"] == "silent" for each in answer["replicas"]) else Exit.DONE


def _forget(args: argparse.Namespace) -> int:
    answer = Client.find(args).post("replicas", "forget", body={"name": args.name, "why": args.reason or ""})
    if args.json:
        print_json(answer)
    else:
        for name in answer["forgotten"]:
            print(f"forgot {name}")
    return Exit.DONE
