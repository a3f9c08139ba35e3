"""`history`, `diff`: what was done to a list, and what differs between two of its versions."""

import argparse
import json
from collections import Counter
from collections.abc import Iterator
from typing import Any

from edgeward.cli.client import Client
from edgeward.cli.options import Subparsers, add_command, integer
from edgeward.cli.output import iso_time, print_json, print_table, printable
from edgeward.errors import Exit

COLUMNS = ("at", "by", "what", "id", "added", "removed", "state", "versions", "policy", "why")
MAX_LIMIT = 1000
"""Acts of one answer of the API."""
WITHOUT_ID = ("add", "removal")
"""What may have several changes, and no id by which they belong together."""


def add_parser(subparsers: Subparsers) -> None:
    history = add_command(
        subparsers,
        "history",
        "show what was done to a list: each import, command, takedown, undo, removal and change of its policy",
        _history,
        "Show what was done to a list, newest first: each import, command, takedown, undo, removal and change of its "
        "policy, with who, when and why, and how many entries it added and removed.",
    )
    history.add_argument("list", metavar="LIST", help="the list's name")
    history.add_argument("--limit", type=integer, default=100, metavar="N", help="number of acts (default: 100)")
    diff = add_command(
        subparsers,
        "diff",
        "show which entries only one of two versions of a list has",
        _diff,
        "Show which entries a list has at one version and not at another. `history` and every change print versions.",
    )
    diff.add_argument("list", metavar="LIST", help="the list's name")
    diff.add_argument("first", type=integer, metavar="V1", help="the earlier version")
    diff.add_argument("last", type=integer, nargs="?", metavar="V2", help="the later one (default: the current one)")


def _history(args: argparse.Namespace) -> int:
    found = _latest(Client.find(args), args.list, args.limit)
    if args.json:
        print_json({"history": found})
    else:
        print_table(COLUMNS, map(_row, found))
    return Exit.DONE


def _latest(client: Client, name: str, limit: int) -> list[dict[str, Any]]:
    """The latest `limit` acts, newest first. One may continue on the next page."""
    found: dict[tuple[Any, ...], dict[str, Any]] = {}
    cursor, key = None, ()
    while True:
        page = client.get("lists", name, "history", query={"limit": min(MAX_LIMIT, limit + 1), "cursor": cursor})
        for act in page["history"]:
            key = _key(act, found, key)
            found[key] = _together(found[key], act) if key in found else act
        cursor = page["cursor"]
        if not cursor or len(found) > limit:
            return list(found.values())[:limit]


def _key(act: dict[str, Any], found: dict[tuple[Any, ...], dict[str, Any]], last: tuple[Any, ...]) -> tuple[Any, ...]:
    """The same for all parts of an act. One without an id goes on only where the last one ended."""
    key = (act["kind"], act["id"], act["by"], act["why"])
    if act["id"]:
        return key
    if last[:4] == key and act["kind"] in WITHOUT_ID and found[last]["versions"][0] == act["versions"][1] + 1:
        return last
    return (*key, *act["versions"])


def _together(newer: dict[str, Any], older: dict[str, Any]) -> dict[str, Any]:
    """Both parts of one act."""
    added, removed = newer["added"] + older["added"], newer["removed"] + older["removed"]
    versions = [older["versions"][0], newer["versions"][1]]
    return {**newer, "first_at": older["first_at"], "added": added, "removed": removed, "versions": versions}


def _row(act: dict[str, Any]) -> list[object]:
    versions = "-".join(dict.fromkeys(map(str, act["versions"])))
    policy = ", ".join(f"{name}={value}" for name, value in act["policy"].items())
    shown: list[object] = [iso_time(act["at"]), act["by"], act["kind"], act["id"], act["added"], act["removed"]]
    return [*shown, act["state"], versions, policy, act["why"]]


def _diff(args: argparse.Namespace) -> int:
    """FOUND if something differs."""
    query, counts = {"first": args.first, "last": args.last}, Counter[str]()
    with Client.find(args).download("lists", args.list, "diff", query=query) as parts:
        for line in _lines(parts):
            found = json.loads(line)
            counts[found["change"]] += 1
            if args.json:
                print(json.dumps(found))
            else:
                sign, reason = "+" if found["change"] == "added" else "-", f"  {printable(found['reason'])}"
                print(f"{sign} {found['type']}:{found['value']}{reason if found['reason'] else ''}")
    if not args.json:
        print(f"{counts['added']} added, {counts['removed']} removed")
    return Exit.FOUND if counts else Exit.DONE


def _lines(parts: Iterator[bytes]) -> Iterator[bytes]:
    """The lines of what comes in parts."""
    rest = b""
    for part in parts:
        *lines, rest = (rest + part).split(b"\n")
        yield from lines
    if rest:
        yield rest
