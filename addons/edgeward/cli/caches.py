"""`caches`, `caches forget`, `caches emptied`: what each owes; that one is gone for good, or has no copies left."""

import argparse
from typing import Any

from edgeward.cli.client import Client
from edgeward.cli.options import Subparsers, add_command
from edgeward.cli.output import print_json, print_note, print_table
from edgeward.errors import Exit, NotFound
from edgeward.quantities import counted
from edgeward.types.absent_caches import what_to_do

NO_SUCH_CACHE = "no cache is named {!r}: see `edgeward caches`"
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
    emptied = add_command(
        group,
        "emptied",
        "say that every copy that was in a cache is gone",
        _emptied,
        "Say that every copy that was in a cache is gone: it was emptied, or restarted without its storage. What "
        "purges missed there, as its key was not theirs, counts as gone then. Edgeward can't verify it.",
    )
    for each in (forget, emptied):
        each.add_argument("name", metavar="NAME", help="the cache's name, as `edgeward caches` prints it")
        each.add_argument("--reason", metavar="TEXT", help="why, for the audit trail")


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
        raise NotFound(NO_SUCH_CACHE.format(args.name))
    if args.json:
        print_json(answer)
    else:
        owed = answer["forgotten"]["pending"] + answer["forgotten"]["refused"]
        print(f"forgotten: {args.name}, with {counted(owed, 'purge')} that it owed")
    return Exit.DONE


def _emptied(args: argparse.Namespace) -> int:
    answer = Client.find(args).post("caches", "emptied", body={"name": args.name, "why": args.reason or ""})
    if not answer["emptied"]:
        raise NotFound(NO_SUCH_CACHE.format(args.name))
    if args.json:
        print_json(answer)
    else:
        print(f"on record: every copy that was in {args.name} until now is gone")
    return Exit.DONE
