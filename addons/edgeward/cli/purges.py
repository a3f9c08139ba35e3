"""`purge`, `purges`: purge orders and their outcomes."""

import argparse
from collections import Counter
from typing import Any

from edgeward.cli.client import Client
from edgeward.cli.options import Subparsers, add_command
from edgeward.cli.output import iso_time, print_fields, print_json, print_note, print_table
from edgeward.cli.wait_options import add_wait, not_removed, wait_query, wait_seconds
from edgeward.errors import Exit

COLUMNS = ("id", "started", "cause", "owed", "linger s", "url")
OUTCOME_COLUMNS = ("cache", "delivery", "at", "attempts", "status", "linger s", "detail")


def add_parser(subparsers: Subparsers) -> None:
    purge = add_command(
        subparsers,
        "purge",
        "remove URLs from every cache",
        _purge,
        "Order every cache to remove URLs. An order is durable: a cache that is down gets it when it is back.",
    )
    purge.add_argument("urls", nargs="+", metavar="URL", help="a URL as clients request it")
    purge.add_argument("--reason", metavar="TEXT", help="why, for the record")
    add_wait(purge)
    purges = add_command(
        subparsers, "purges", "show recent purge orders, or one order with the outcome of each cache", _purges
    )
    purges.add_argument("id", nargs="?", metavar="ID", help="one order")
    purges.add_argument("--limit", type=int, default=100, metavar="N", help="number of orders (default: 100)")


def _purge(args: argparse.Namespace) -> int:
    body = {"urls": args.urls, "why": args.reason} if args.reason else {"urls": args.urls}
    answer = Client.find(args).post("purges", body=body, query=wait_query(args), wait=wait_seconds(args))
    if args.json:
        print_json(answer)
    else:
        _print_orders(answer["purges"])
    return _status(answer["purges"]) if args.wait else Exit.DONE


def _status(orders: list[dict[str, Any]]) -> Exit:
    """FOUND if a cache owes or refuses one of the orders. Prints which."""
    refused = Counter(cache for order in orders for cache in _refusing(order))
    owed = refused + Counter(cache for order in orders for cache in order["owed"])
    sentences = not_removed(dict(sorted(owed.items())), refused)
    for text in sentences:
        print_note(text)
    return Exit.FOUND if sentences else Exit.DONE


def _refusing(order: dict[str, Any]) -> list[str]:
    """The caches that refused the order: it needs the operator."""
    refused = (name for name, outcome in order["outcomes"].items() if outcome["delivery"] == "refused")
    return [name for name in refused if name not in order["owed"]]


def _purges(args: argparse.Namespace) -> int:
    client = Client.find(args)
    answer = client.get("purges", args.id) if args.id else client.get("purges", query={"limit": args.limit})
    if args.json:
        print_json(answer)
    elif args.id:
        _print_order(answer)
    else:
        _print_orders(answer["purges"])
    return Exit.DONE


def _print_orders(orders: list[dict[str, Any]]) -> None:
    print_table(
        COLUMNS,
        [[o["id"], iso_time(o["started_at"]), o["cause"], _owed(o), _linger(o), _removed(o)] for o in orders],
    )


def _removed(order: dict[str, Any]) -> str:
    """What the order removes: a URL, a prefix ("...*") or a tag."""
    if order["scope"] == "tag":
        return f"tag {order['tag']}"
    return f"{order['url']}*" if order["scope"] == "prefix" else str(order["url"])


def _owed(order: dict[str, Any]) -> str:
    """The caches that have not removed it, including those that refused."""
    return ", ".join([*order["owed"], *(f"{name} (refused)" for name in _refusing(order))])


def _linger(order: dict[str, Any]) -> str | None:
    """The longest linger among the caches that are done."""
    known = [outcome["linger_seconds"] for outcome in order["outcomes"].values()]
    return _seconds(max((seconds for seconds in known if seconds is not None), default=None))


def _seconds(seconds: float | None) -> str | None:
    return None if seconds is None else f"{seconds:.3f}"


def _print_order(order: dict[str, Any]) -> None:
    fields = ("id", "scope", "url", "tag", "cause", "started_at", "sha256", "entry", "takedown", "why", "by")
    readable = {**order, "started_at": iso_time(order["started_at"])}
    vary = ", ".join(f"{name}: {value}" for name, value in order["vary"].items())
    print_fields([*((name, readable[name]) for name in fields), ("vary", vary), ("owed", _owed(order))])
    print()
    print_table(
        OUTCOME_COLUMNS,
        [
            [
                cache,
                o["delivery"],
                iso_time(o["at"]),
                o["attempts"],
                o["status"],
                _seconds(o["linger_seconds"]),
                o["detail"],
            ]
            for cache, o in sorted(order["outcomes"].items())
        ],
    )
