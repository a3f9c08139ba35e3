"""`caches` and `caches forget`: what each cache owes, and writing one off that is gone for good."""

import argparse
from typing import Any

from edgeward.cli.client import Client
from edgeward.cli.options import Subparsers, add_command
from edgeward.cli.output import print_json, print_note, print_table
from edgeward.errors import Exit, NotFound
from edgeward.quantities import counted
from edgeward.types.absent_caches import what_to_do

COLUMNS = ("name", "driver", "configured", "owes", "oldest", "refuses")


def add_parser(subparsers: Subparsers) -> None:
    parser = add_command(
        subparsers,
        "caches",
        "show every cache that receives purges, and what it owes",
        _list,
        "Show every cache that receives purges, and what it owes. Exit status 1 if one that no controller has in "
        "[[caches]] owes or refuses any.",
    )
    group = parser.add_subparsers(title="commands", metavar="COMMAND")
    forget = add_command(
        group,
        "forget",
        "write off a cache that is gone for good with all its copies",
        _forget,
        "Write off a cache that is gone for good with all its copies, and that no controller has in [[caches]]: what "
        "it owes is not owed any more.",
    )
    forget.add_argument("name", metavar="NAME", help="the cache's name, as `edgeward caches` prints it")
    forget.add_argument("--reason", metavar="TEXT", help="why, for the audit trail")


def _list(args: argparse.Namespace) -> int:
    answer = Client.find(args).get("caches")
    owing = [each for each in answer["caches"] if each["configured"] == "nowhere" and each["pending"] + each["refused"]]
    if args.json:
        print_json(answer)
    else:
        print_table(COLUMNS, [_row(cache) for cache in answer["caches"]])
        for each in owing:
            print_note(f"{each['name']}: {what_to_do(each['name'])}")
    return Exit.FOUND if owing else Exit.DONE


def _row(cache: dict[str, Any]) -> list[str]:
    oldest = f"{cache['oldest_seconds']:.0f} s" if cache["pending"] else ""
    return [
        cache["name"], cache["driver"], cache["configured"], str(cache["pending"]), oldest, str(cache["refused"]),
    ]  # fmt: skip


def _forget(args: argparse.Namespace) -> int:
    body = {"name": args.name, "why": args.reason or ""}
    answer = Client.find(args).post("caches", "forget", body=body)
    if answer["forgotten"] is None:
        raise NotFound(f"no cache is named {args.name!r}: see `edgeward caches`")
    if args.json:
        print_json(answer)
    else:
        owed = answer["forgotten"]["pending"] + answer["forgotten"]["refused"]
        print(f"forgotten: {args.name}, with {counted(owed, 'purge')} that it owed")
    return Exit.DONE
