"""`takedown`, `takedowns`, `receipt`: what is taken down is gone from every cache, and there is proof of it."""

import argparse
from pathlib import Path
from typing import Any

from edgeward.cli.client import Client
from edgeward.cli.options import Subparsers, add_command
from edgeward.cli.output import moment, note, print_fields, print_json, print_table
from edgeward.cli.waiting import add_wait, status_of, wait_query, wait_seconds
from edgeward.errors import Exit, UserError

TITLES = ("id", "at", "by", "state", "urls", "prefixes", "hashes", "orders", "why")
NODE_TITLES = ("cache", "verified", "delivered", "refused", "owed", "first", "last", "linger s")
PREFIX = "td-"
"""What the id of a takedown begins with; an entry's never does."""
PAGE = 1000


def add_parser(subparsers: Subparsers) -> None:
    takedown = add_command(
        subparsers,
        "takedown",
        "take URLs, paths or images down: every copy of them is purged from every cache",
        _takedown,
        "Say that something is gone. Every spelling, query string and variant of a URL that was seen is purged, all "
        "below a prefix, every copy of an image. With --list the hashes are listed too, so that the image is blocked "
        "from now on.",
    )
    takedown.add_argument("urls", nargs="*", metavar="URL", help="a URL as clients ask for it")
    takedown.add_argument(
        "--prefix", action="append", default=[], metavar="URL", help="all below this URL (repeatable)"
    )
    takedown.add_argument(
        "--hash", action="append", default=[], metavar="TYPE:HEX", help="an image, such as pdq:f8… (repeatable)"
    )
    takedown.add_argument("--list", metavar="NAME", help="list the hashes too, on this list")
    takedown.add_argument("--reason", metavar="TEXT", help="why, for the record")
    add_wait(takedown)
    takedowns = add_command(subparsers, "takedowns", "show recent takedowns, or one with what became of it", _takedowns)
    takedowns.add_argument("id", nargs="?", metavar="ID", help="one takedown")
    takedowns.add_argument("--limit", type=int, default=100, metavar="N", help="how many (100)")
    receipt = add_command(
        subparsers,
        "receipt",
        "show the proof: who asked for it when, and when each cache had it gone",
        _receipt,
        "Show the receipt of a takedown, or of a listed entry: who asked for it when, when it was first blocked, and "
        "when it was gone from each cache, verified so.",
    )
    receipt.add_argument("id", metavar="ID", help="of a takedown or of an entry")
    receipt.add_argument("--html", type=Path, metavar="FILE", help="write it as a page to read and to print")


def _takedown(args: argparse.Namespace) -> int:
    body = {"urls": args.urls, "prefixes": args.prefix, "hashes": args.hash, "list": args.list, "why": args.reason}
    asked = {name: value for name, value in body.items() if value}
    if not (args.urls or args.prefix or args.hash):
        raise UserError("takedown: nothing to take down; give URL, --prefix URL or --hash TYPE:HEX")
    if args.list and not args.hash:
        raise UserError("takedown: --list is about hashes; give --hash TYPE:HEX too")
    answer = Client.find(args).post("takedowns", body=asked, query=wait_query(args), wait=wait_seconds(args))
    if args.json:
        print_json(answer)
    else:
        print(f"takedown {answer['id']}: {answer['purge']['orders']} purges ordered")
    status = _status(args, answer)
    if args.wait and status is Exit.DONE and not args.json:
        print("gone from every cache")
    return status


def _status(args: argparse.Namespace, answer: dict[str, Any]) -> Exit:
    """With --wait: FOUND while something is owed, which is named."""
    if answer["trouble"]:
        note(answer["trouble"])
        return Exit.FOUND
    if not args.wait:
        return Exit.DONE
    if not answer["purge"]["matched"]:
        note(f"not all its purges are ordered yet: it goes on, see `edgeward receipt {answer['id']}`")
        return Exit.FOUND
    return status_of({"active": True, "purge": answer["purge"]})


def _takedowns(args: argparse.Namespace) -> int:
    if args.id:
        return _show(args)
    answer = Client.find(args).get("takedowns", query={"limit": args.limit})
    if args.json:
        print_json(answer)
    else:
        print_table(TITLES, [[_readable(t)[title] for title in TITLES] for t in answer["takedowns"]])
    return Exit.DONE


def _show(args: argparse.Namespace) -> int:
    receipt = Client.find(args).get("takedowns", args.id)
    if args.json:
        print_json(receipt)
    else:
        _print_receipt(receipt)
    return Exit.DONE


def _receipt(args: argparse.Namespace) -> int:
    receipt = _whole(Client.find(args), args.id)
    if args.html:
        from edgeward.control.receipt_page import render

        _write(args.html, render(receipt))
    if args.json:
        print_json(receipt)
    elif args.html:
        print(f"wrote {args.html}")
    else:
        _print_receipt(receipt)
    return Exit.DONE


def _whole(client: Client, name: str) -> dict[str, Any]:
    """The receipt of a takedown or an entry with all its orders, page by page."""
    path = ("takedowns", name) if name.startswith(PREFIX) else ("entries", name, "receipt")
    receipt: dict[str, Any] = client.get(*path, query={"limit": PAGE})
    while receipt["cursor"]:
        page = client.get(*path, query={"limit": PAGE, "cursor": receipt["cursor"]})
        receipt = {**page, "purges": [*receipt["purges"], *page["purges"]]}
    return receipt


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise UserError(f"{path}: {error.strerror}") from None


def _readable(takedown: dict[str, Any]) -> dict[str, Any]:
    return {**takedown, "at": moment(takedown["at"])}


def _print_receipt(receipt: dict[str, Any]) -> None:
    summary = receipt["summary"]
    print_fields([*(_takedown_fields(receipt) if "takedown" in receipt else _entry_fields(receipt)), *_times(summary)])
    print()
    print_table(
        NODE_TITLES,
        [
            [
                name,
                *(node[key] for key in ("verified", "delivered", "refused", "owed")),
                moment(node["first_at"]),
                moment(node["last_at"]),
                _seconds(node["linger_seconds"]),
            ]
            for name, node in summary["nodes"].items()
        ],
    )


def _takedown_fields(receipt: dict[str, Any]) -> list[tuple[str, object]]:
    takedown = receipt["takedown"]
    fields: list[tuple[str, object]] = [("takedown", takedown["id"]), ("state", takedown["state"])]
    fields += [("asked", moment(takedown["at"])), ("by", f"{takedown['by']} ({takedown['way']})")]
    fields += [("why", takedown["why"])]
    fields += [(kind, text) for kind in ("urls", "prefixes", "hashes") for text in takedown["what"][kind]]
    fields += [(key, takedown[key]) for key in ("list", "trouble") if takedown[key]]
    return fields


def _entry_fields(receipt: dict[str, Any]) -> list[tuple[str, object]]:
    entry, blocked = receipt["entry"], receipt["first_blocked"]
    return [
        ("entry", entry["id"]),
        ("hash", f"{entry['type']}:{entry['value']}"),
        ("list", entry["list"]),
        ("state", receipt["state"]),
        ("listed", moment(entry["added_at"])),
        ("by", entry["added_by"]),
        ("why", entry["reason"]),
        ("in force", "everywhere" if receipt["active"] else f"not yet in {', '.join(receipt['waiting_for'])}"),
        ("first blocked", moment(blocked["at"]) if blocked else None),
    ]


def _times(summary: dict[str, Any]) -> list[tuple[str, object]]:
    return [
        ("orders", summary["orders"]),
        ("first purge", moment(summary["first_at"])),
        ("last purge", moment(summary["last_at"])),
        ("linger s", _seconds(summary["linger_seconds"])),
    ]


def _seconds(seconds: float | None) -> str | None:
    return None if seconds is None else f"{seconds:.3f}"
