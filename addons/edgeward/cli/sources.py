"""`sources`, `sources pull`: the lists that come by themselves."""

import argparse
import time
from typing import Any

from edgeward.cli.client import Client
from edgeward.cli.options import Subparsers, add_command
from edgeward.cli.output import iso_time, print_fields, print_json, print_note, print_table
from edgeward.cli.wait_options import add_timeout
from edgeward.errors import Exit, NotFound

COLUMNS = ("source", "list", "state", "last good", "next", "added", "withdrawn", "error")
POLL_SECONDS = 0.5
ERROR_SHOWN = 100
"""Characters of an error in the table."""


def add_parser(subparsers: Subparsers) -> None:
    parser = add_command(
        subparsers,
        "sources",
        "show the lists that come by themselves, or pull one now",
        _sources,
        "Show the sources of lists ([[list_sources]] and [[exchanges]]): the state of each, its last good pull, its "
        "next one, and what its last import did. Exit status 1 if one fails, is stale or waits for approval.",
    )
    parser.add_argument("--source", metavar="NAME", help="show all that is known of one source")
    pull = add_command(parser.add_subparsers(title="commands", metavar="pull"), "pull", "pull one source now", _pull)
    pull.add_argument("name", metavar="NAME", help="the source, as `edgeward sources` shows it")
    pull.add_argument(
        "--allow-large-removal", action="store_true", help="withdraw more than max_removal_share of what it has, or all"
    )
    pull.add_argument("--anew", action="store_true", help="forget where the last pull ended, and pull all of it")
    pull.add_argument("--reason", metavar="TEXT", help="why, for the audit trail")
    pull.add_argument("--wait", action="store_true", help="wait until it is pulled, and its import has ended")
    add_timeout(pull, "longest time to wait (default: 600)", 600.0)


def _sources(args: argparse.Namespace) -> int:
    answer = Client.find(args).get("sources")
    found = answer["sources"]
    if args.source is not None:
        found = [each for each in found if each["name"] == args.source]
        if not found:
            raise NotFound(f"no source is named {args.source!r}")
    if args.json:
        print_json({"sources": found})
    elif args.source is not None:
        _print_source(found[0])
    else:
        print_table(COLUMNS, map(_row, found))
    return Exit.FOUND if any(each["failures"] or each["stale"] or each["held"] for each in found) else Exit.DONE


def _row(each: dict[str, Any]) -> list[object]:
    state = f"{each['state']}, stale" if each["stale"] else each["state"]
    error = each["error"].partition("\n")[0]
    shown = error[:ERROR_SHOWN] + ("..." if len(error) > ERROR_SHOWN else "")
    times = (_time(each["good_at"]), _time(each["next_at"]))
    return [each["name"], each["list"], state, *times, each["added"], each["withdrawn"], shown]


def _time(at: float) -> str:
    return iso_time(at) if at else ""


def _print_source(each: dict[str, Any]) -> None:
    times = ("pulled_at", "good_at", "changed_at", "next_at")
    shown = {name: value for name, value in each.items() if name not in ("problems", "feedback")}
    fields = [(name, _time(value) if name in times else value) for name, value in shown.items()]
    fields += [(f"feedback {name}", value) for name, value in each.get("feedback", {}).items()]
    print_fields(fields)
    for problem in each["problems"]:
        print_note(problem)


def _pull(args: argparse.Namespace) -> int:
    client = Client.find(args)
    body = {"allow_large_removal": args.allow_large_removal, "anew": args.anew, "why": args.reason or ""}
    answer = client.post("sources", args.name, "pulls", body=body)
    if not args.wait:
        if args.json:
            print_json(answer)
        else:
            print(f"{args.name} is pulled now: see `edgeward sources --source {args.name}`")
        return Exit.DONE
    found = _wait(client, args.name, answer["asked_at"], args.timeout)
    if args.json:
        print_json(found)
    else:
        _print_source(found)
    if not _is_over(found, answer["asked_at"]):
        print_note(f"not over after {args.timeout:g} s: {found['state']}")
        return Exit.FOUND
    return Exit.FOUND if found["failures"] else Exit.DONE


def _wait(client: Client, name: str, asked_at: float, timeout: float) -> dict[str, Any]:
    """The source once it was pulled since then, or waits for approval, or after `timeout` seconds."""
    deadline = time.monotonic() + timeout
    while True:
        found: dict[str, Any] = next(each for each in client.get("sources")["sources"] if each["name"] == name)
        if _is_over(found, asked_at) or found["held"] or time.monotonic() > deadline:
            return found
        time.sleep(POLL_SECONDS)


def _is_over(found: dict[str, Any], asked_at: float) -> bool:
    return found["pulled_at"] >= asked_at and not found["job"] and found["state"] != "pulling"
