"""`audit`: who did what, when, from where and why."""

import argparse
import time
from collections.abc import Iterator
from typing import Any

from edgeward.cli.client import Client, Query
from edgeward.cli.options import Subparsers, add_command, integer
from edgeward.cli.output import iso_time, print_json, print_json_line, print_table, printable
from edgeward.cli.times import unix_time
from edgeward.errors import Exit

COLUMNS = ("at", "who", "from", "what", "list", "count", "act", "about", "why")
FOLLOW_SECONDS = 1.0
"""Pause between two looks for new lines."""
MAX_LIMIT = 1000
"""Lines of one answer of the API."""


def add_parser(subparsers: Subparsers) -> None:
    parser = add_command(
        subparsers,
        "audit",
        "show who did what, when, from where and why",
        _audit,
        "Show the audit trail, newest first: every change of the lists, purge, takedown, undo, token and statement; "
        "who, when, from where and why. The entries that one act adds or removes are one line with their number.",
    )
    parser.add_argument("--list", metavar="LIST", help="only what is about this list")
    parser.add_argument("--who", metavar="NAME", help="only what this token did; webhooks are webhook:NAME")
    parser.add_argument(
        "--op", metavar="OP", help="only this, such as entry.remove, or the first word: entry, list, act"
    )
    parser.add_argument("--since", type=unix_time, metavar="TIME", help="such as 2h, 7d (ago) or 2026-12-01T10:30Z")
    parser.add_argument("--until", type=unix_time, metavar="TIME", help="the same, for the end")
    parser.add_argument("--limit", type=integer, default=100, metavar="N", help="number of lines (default: 100)")
    parser.add_argument("--follow", action="store_true", help="oldest first, and go on with what is done from now on")


def _audit(args: argparse.Namespace) -> int:
    client = Client.find(args)
    query = {name: getattr(args, name) for name in ("list", "who", "op", "since", "until")}
    acts, newest = _latest(client, query, args.limit)
    if args.follow:
        _show_each(args, reversed(acts))
        for act in _new_acts(client, query, newest):
            _show_each(args, [act])
    elif args.json:
        print_json({"acts": acts})
    else:
        print_table(COLUMNS, map(_row, acts))
    return Exit.DONE


def _latest(client: Client, query: Query, limit: int) -> tuple[list[dict[str, Any]], str]:
    """The latest `limit` lines, newest first, and the position of the newest of all. Each answer reads a part of the
    trail, whether anything of it is asked for or not."""
    acts: list[dict[str, Any]] = []
    cursor, newest = None, ""
    while True:
        # One more than is shown: the last line may continue beyond a page.
        wanted = min(MAX_LIMIT, limit + 1 - len(acts))
        page = client.get("audit", query={**query, "limit": wanted, "cursor": cursor})
        newest = newest or page["newest"]
        for act in page["acts"]:
            if acts and _continues(acts[-1], act):
                acts[-1] = _merged(acts[-1], act)
            else:
                acts.append(act)
        cursor = page["cursor"]
        if not cursor or len(acts) > limit:
            return acts[:limit], newest


def _continues(newer: dict[str, Any], older: dict[str, Any]) -> bool:
    keys = ("op", "who", "from", "why", "list", "act")
    return str(newer["op"]).startswith("entry.") and all(newer[key] == older[key] for key in keys)


def _merged(newer: dict[str, Any], older: dict[str, Any]) -> dict[str, Any]:
    """Both parts of one line."""
    versions = [older["versions"][0], newer["versions"][1]]
    count = newer["count"] + older["count"]
    return {**newer, "first_at": older["first_at"], "count": count, "versions": versions, "about": {}}


def _new_acts(client: Client, query: Query, newest: str) -> Iterator[dict[str, Any]]:
    """What is done from now on, without end."""
    while True:
        page = client.get("audit", query={**query, "after": newest, "limit": MAX_LIMIT})
        yield from page["acts"]
        if page["newest"] == newest:
            time.sleep(FOLLOW_SECONDS)
        newest = page["newest"]


def _show_each(args: argparse.Namespace, acts: Any) -> None:
    """One line for each, without a table: its width is not known before the last."""
    for act in acts:
        if args.json:
            print_json_line(act)
        else:
            print("  ".join(printable(value) for value in _row(act)), flush=True)


def _row(act: dict[str, Any]) -> list[object]:
    about = ", ".join(f"{name}={value}" for name, value in act["about"].items() if name not in ("list", "act"))
    count = act["count"] if act["versions"] and str(act["op"]).startswith("entry.") else None
    shown: list[object] = [iso_time(act["at"]), act["who"], act["from"], act["op"], act["list"], count]
    return [*shown, act["act"], about, act["why"]]
