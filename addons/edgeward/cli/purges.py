"""`purge`, `purges`: orders to remove targets from caches, and what became of them."""

import argparse
from typing import Any

from edgeward.cli.client import Client
from edgeward.cli.options import Subparsers, add_command
from edgeward.cli.output import moment, note, print_fields, print_json, print_table
from edgeward.cli.waiting import add_wait, wait_query, wait_seconds
from edgeward.errors import Exit

TITLES = ("id", "started", "cause", "owed", "linger s", "url")
OUTCOME_TITLES = ("cache", "delivery", "at", "attempts", "status", "linger s", "detail")


def add_parser(subparsers: Subparsers) -> None:
    purge = add_command(
        subparsers,
        "purge",
        "remove URLs from every cache",
        _purge,
        "Order that URLs be removed from every cache, whatever they hold. An order is durable: a cache that is down "
        "gets it when it is back.",
    )
    purge.add_argument("urls", nargs="+", metavar="URL", help="a URL as clients ask for it")
    purge.add_argument("--reason", metavar="TEXT", help="why, for the record")
    add_wait(purge)
    purges = add_command(subparsers, "purges", "show recent purge orders, or one with each cache's outcome", _purges)
    purges.add_argument("id", nargs="?", metavar="ID", help="one order")
    purges.add_argument("--limit", type=int, default=100, metavar="N", help="how many orders (100)")


def _purge(args: argparse.Namespace) -> int:
    body = {"urls": args.urls, "why": args.reason} if args.reason else {"urls": args.urls}
    answer = Client.find(args).post("purges", body=body, query=wait_query(args), wait=wait_seconds(args))
    if args.json:
        print_json(answer)
    else:
        _print_orders(answer["purges"])
    owed = sorted({cache for order in answer["purges"] for cache in order["owed"]})
    if args.wait and owed:
        note(f"not verified within {args.timeout:g} s by {', '.join(owed)}: the orders stay")
        return Exit.FOUND
    return Exit.DONE


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
        TITLES,
        [[o["id"], moment(o["started_at"]), o["cause"], _owed(o), _linger(o), _what(o)] for o in orders],
    )


def _what(order: dict[str, Any]) -> str:
    """What it removes, in one word: a URL, all below one, or what is stored under a tag."""
    if order["scope"] == "tag":
        return f"tag {order['tag']}"
    return f"{order['url']}*" if order["scope"] == "prefix" else str(order["url"])


def _owed(order: dict[str, Any]) -> str:
    """The caches that have not removed it; one that refuses will not by itself."""
    refused = (name for name, outcome in order["outcomes"].items() if outcome["delivery"] == "refused")
    return ", ".join([*order["owed"], *(f"{name} (refused)" for name in refused if name not in order["owed"])])


def _linger(order: dict[str, Any]) -> str | None:
    """The linger of the slowest cache that is done."""
    known = [outcome["linger_seconds"] for outcome in order["outcomes"].values()]
    return _seconds(max((seconds for seconds in known if seconds is not None), default=None))


def _seconds(seconds: float | None) -> str | None:
    return None if seconds is None else f"{seconds:.3f}"


def _print_order(order: dict[str, Any]) -> None:
    fields = ("id", "scope", "url", "tag", "cause", "started_at", "sha256", "entry", "takedown", "why", "by")
    readable = {**order, "started_at": moment(order["started_at"])}
    vary = ", ".join(f"{name}: {value}" for name, value in order["vary"].items())
    print_fields([*((name, readable[name]) for name in fields), ("vary", vary), ("owed", _owed(order))])
    print()
    print_table(
        OUTCOME_TITLES,
        [
            [
                cache,
                o["delivery"],
                moment(o["at"]),
                o["attempts"],
                o["status"],
                _seconds(o["linger_seconds"]),
                o["detail"],
            ]
            for cache, o in sorted(order["outcomes"].items())
        ],
    )
