"""`purge`, `purges`: purge orders and their outcomes."""

import argparse
from collections import Counter
from typing import Any

from edgeward.cli import purge_previews
from edgeward.cli.client import Client
from edgeward.cli.options import Subparsers, add_command, integer
from edgeward.cli.output import iso_time, print_fields, print_json, print_note, print_table
from edgeward.cli.purge_answers import is_accepted, not_known, not_verified
from edgeward.cli.url_arguments import url_argument
from edgeward.cli.wait_options import add_wait, not_removed, wait_query, wait_seconds
from edgeward.errors import Exit, UserError
from edgeward.quantities import counted
from edgeward.types.absent_caches import NOT_TRIED, what_to_do
from edgeward.types.outcome_words import NO_COPY_STATES, spoken
from edgeward.types.refused_purges import with_what_is_next

COLUMNS = ("id", "started", "cause", "owed", "refused", "met", "linger s", "url")
RETRY = "retry"
"""In place of an id."""
OUTCOME_COLUMNS = ("cache", "outcome", "copies", "at", "attempts", "status", "linger s", "detail")
WORDS = {"delivered": "accepted", "waiting": "owed"}
"""For people: "delivered" could be read as: to a client. An older API has no `word` of its own."""
EVERY_HOST = "every host"
"""What an order by prefix without a host removes: it stands for targets of too many hosts, or that nobody knows."""


def add_parser(subparsers: Subparsers) -> None:
    purge = add_command(
        subparsers,
        "purge",
        "remove URLs from every cache",
        _purge,
        "Order every cache to remove URLs. An order is durable: a cache that is down gets it when it is back. With "
        "--wait, a URL of which no copy was seen and no cache removed one is named, with exit status 1.",
    )
    purge.add_argument("urls", nargs="+", type=url_argument, metavar="URL", help="a URL as people write it")
    purge.add_argument("--dry-run", action="store_true", help="say what would be purged; order nothing")
    purge.add_argument("--reason", metavar="TEXT", help="why, for the record")
    add_wait(purge)
    purges = add_command(
        subparsers,
        "purges",
        "show recent purge orders, or one order with the outcome of each cache; or retry what failed",
        _purges,
        "Show recent purge orders, or one order with the outcome of each cache. `edgeward purges retry` has every "
        "controller try again now what caches refused or owe: after a token or an access rule was mended.",
    )
    purges.add_argument("id", nargs="?", metavar="ID", help=f"one order; {RETRY}: see above")
    purges.add_argument("--cache", metavar="NAME", help="with retry: one cache (default: all)")
    purges.add_argument("--reason", metavar="TEXT", help="with retry: why, for the audit trail")
    purges.add_argument("--limit", type=integer, default=100, metavar="N", help="number of orders (default: 100)")


def _purge(args: argparse.Namespace) -> int:
    body = {"urls": args.urls, "why": args.reason} if args.reason else {"urls": args.urls}
    if args.dry_run:
        query = {"dry_run": "true"}
        found = Client.find(args).post("purges", body=body, query=query, wait=purge_previews.PREVIEW_SECONDS)
        return purge_previews.show(found, args.json)
    answer = Client.find(args).post("purges", body=body, query=wait_query(args), wait=wait_seconds(args))
    if args.json:
        print_json(answer)
    else:
        _print_orders(answer["purges"])
    if not args.wait:
        return Exit.DONE
    missing, unmatched = _missing(answer), _unmatched(answer)
    for text in [*missing, *unmatched]:
        print_note(text)
    # Of those that matched, if others did not.
    done = (not missing or is_accepted(answer)) and answer.get("state") not in NO_COPY_STATES
    if done and not args.json and answer.get("statement"):
        print(answer["statement"])
    return Exit.FOUND if missing or unmatched else Exit.DONE


def _missing(answer: dict[str, Any]) -> list[str]:
    """The caches that owe or refuse one of the orders, can't carry it out or only accept it, and whatever else is not
    known."""
    orders = answer["purges"]
    refused = Counter(cache for order in orders for cache in _refusing(order))
    owed = Counter(cache for order in orders for cache in order["owed"])
    details = {cache: order["outcomes"][cache]["detail"] for order in orders for cache in _refusing(order)}
    absent = {name for name in answer.get("absent", ()) if owed[name] or refused[name]}
    return [*not_removed(owed, refused, details, absent), *not_verified(answer), *not_known(answer)]


def _unmatched(answer: dict[str, Any]) -> list[str]:
    """The URLs that matched nothing, and that no cache had a copy."""
    sentences = [f"nothing matched {url}: no copy of it was seen" for url in answer.get("unmatched", ())]
    return [*sentences, answer["statement"]] if answer.get("state") in NO_COPY_STATES else sentences


def _refusing(order: dict[str, Any]) -> list[str]:
    """The caches that refused the order: it needs the operator."""
    refused = (name for name, outcome in order["outcomes"].items() if outcome["delivery"] == "refused")
    return [name for name in refused if name not in order["owed"]]


def _retry(args: argparse.Namespace) -> int:
    body = {"cache": args.cache, "why": args.reason}
    answer = Client.find(args).post("purges", RETRY, body={name: value for name, value in body.items() if value})
    if args.json:
        print_json(answer)
    for name, counts in {} if args.json else answer["caches"].items():
        print(f"{name}: {counted(counts['refused'], 'refused purge')} and {counts['owed']} owed are tried again now")
    return Exit.DONE


def _purges(args: argparse.Namespace) -> int:
    if args.id == RETRY:
        return _retry(args)
    if args.cache is not None or args.reason is not None:
        raise UserError(f"purges: --cache and --reason are options of `edgeward purges {RETRY}`")
    client = Client.find(args)
    answer = client.get("purges", args.id) if args.id else client.get("purges", query={"limit": args.limit})
    if args.json:
        print_json(answer)
    elif args.id:
        _print_order(answer)
        _print_absent([answer])
    else:
        _print_orders(answer["purges"])
        _print_absent(answer["purges"])
    return Exit.DONE


def _print_orders(orders: list[dict[str, Any]]) -> None:
    print_table(
        COLUMNS,
        [
            [
                o["id"],
                iso_time(o["started_at"]),
                o["cause"],
                ", ".join(o["owed"]),
                ", ".join(_refusing(o)),
                _met(o),
                _linger(o),
                _removed(o),
            ]
            for o in orders
        ],
    )


def _removed(order: dict[str, Any]) -> str:
    """What the order removes: a URL, a prefix ("...*") or a tag; and how many forgotten targets it stands for."""
    stands_for = f" ({order['forgotten']} forgotten)" if order.get("forgotten") else ""
    if order["scope"] == "tag":
        return f"tag {order['tag']}{stands_for}"
    if order["scope"] == "prefix":
        return f"{order['url']}*{stands_for}" if order["url"] else f"{EVERY_HOST}{stands_for}"
    return f"{order['url']}{stands_for}"


def _met(order: dict[str, Any]) -> str | None:
    """What the purges met in the caches that carried the order out, and which can't."""
    if not (unsupported := _unsupported(order)):
        return _met_where_done(order)
    if len(unsupported) == len(order["outcomes"]) and not order["owed"]:
        return "unsupported"
    return "; ".join([*filter(None, [_met_where_done(order)]), f"unsupported: {', '.join(unsupported)}"])


def _unsupported(order: dict[str, Any]) -> list[str]:
    """The caches that can't carry out the order: what it removes may be there still."""
    return [name for name, outcome in order["outcomes"].items() if outcome["delivery"] == "unsupported"]


def _met_where_done(order: dict[str, Any]) -> str | None:
    done = [each for each in order["outcomes"].values() if each["delivery"] in ("verified", "delivered")]
    counts = [each.get("removed") for each in done]
    if removed := sum(count or 0 for count in counts):
        return f"{removed} removed"
    if not counts:
        return None
    return "unknown" if None in counts else "none"


def _linger(order: dict[str, Any]) -> str | None:
    """The longest linger among the caches that are done."""
    known = [outcome["linger_seconds"] for outcome in order["outcomes"].values()]
    return _seconds(max((seconds for seconds in known if seconds is not None), default=None))


def _seconds(seconds: float | None) -> str | None:
    return None if seconds is None else f"{seconds:.3f}"


def _print_order(order: dict[str, Any]) -> None:
    fields = ("id", "scope", "url", "tag", "cause", "started_at", "sha256", "entry", "takedown", "why", "by")
    readable = {**order, "started_at": iso_time(order["started_at"])}
    if order["scope"] == "prefix" and not order["url"]:
        readable["url"] = EVERY_HOST
    vary = ", ".join(f"{name}: {value}" for name, value in order["vary"].items())
    caches = [("owed", ", ".join(order["owed"])), ("refused", ", ".join(_refusing(order)))]
    forgotten = [("forgotten", counted(order["forgotten"], "target"))] if order.get("forgotten") else []
    print_fields([*((name, readable[name]) for name in fields), ("vary", vary), *forgotten, *caches])
    print()
    print_table(
        OUTCOME_COLUMNS,
        [
            [
                cache,
                spoken(o.get("word") or WORDS.get(o["delivery"], o["delivery"])),
                _copies(o),
                iso_time(o["at"]),
                o["attempts"],
                o["status"],
                _seconds(o["linger_seconds"]),
                _detail(o, is_absent=cache in order.get("absent", ())),
            ]
            for cache, o in sorted({**_not_sent(order), **order["outcomes"]}.items())
        ],
    )
    if order.get("forgotten"):
        _print_forgotten(order)


def _print_forgotten(order: dict[str, Any]) -> None:
    """Name the caches that have not carried out an order that stands for forgotten targets."""
    done = {name for name, each in order["outcomes"].items() if each["delivery"] in ("verified", "delivered")}
    for name in sorted({*order["owed"], *order["outcomes"]} - done):
        print(f"{name}: not known to be gone by this order: {counted(order['forgotten'], 'target')} forgotten")


def _not_sent(order: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """A row for each cache that owes the order and was not asked yet."""
    row = {
        "delivery": "waiting",
        "word": "owed",
        "at": None,
        "attempts": 0,
        "status": None,
        "linger_seconds": None,
        "detail": "not sent yet",
    }
    return dict.fromkeys(order["owed"], row)


def _detail(outcome: dict[str, Any], is_absent: bool) -> str:
    """What the cache said, and what happens next."""
    if is_absent:
        return f"{outcome['detail']}; {NOT_TRIED}" if outcome["detail"] else NOT_TRIED
    return with_what_is_next(outcome["delivery"], outcome["detail"])


def _print_absent(orders: list[dict[str, Any]]) -> None:
    """A note on each cache that has not carried out one of these, and that no controller has."""
    for name in sorted({name for order in orders for name in order.get("absent", ())}):
        print_note(f"{name} has not carried out every purge, and {what_to_do(name)}")


def _copies(outcome: dict[str, Any]) -> object:
    """The copies that a purge removed, "unknown" where the cache does not tell."""
    if outcome["delivery"] not in ("verified", "delivered"):
        return outcome.get("removed")
    removed = outcome.get("removed")
    return "unknown" if removed is None else removed
