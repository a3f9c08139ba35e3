"""`takedown`, `takedowns`, `receipt`: remove from every cache what was taken down, and prove it."""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from edgeward.cli import purge_answers, purge_previews
from edgeward.cli.client import Client
from edgeward.cli.confirmation import add_yes, confirm
from edgeward.cli.options import Subparsers, add_command, integer
from edgeward.cli.output import iso_time, print_fields, print_json, print_not_matching, print_note, print_table
from edgeward.cli.url_arguments import url_argument
from edgeward.cli.wait_options import add_wait, not_in_force, silent_processes, status_of, wait_query, wait_seconds
from edgeward.errors import Exit, NotFound, UserError
from edgeward.quantities import counted
from edgeward.types.outcome_words import NO_COPY_STATES, ReceiptState

COLUMNS = ("id", "at", "by", "state", "urls", "prefixes", "hashes", "orders", "why")
NODE_COLUMNS = (
    "cache", "verified", "accepted", "refused", "owed", "unsupported", "copies", "none", "unknown", "forgotten",
    "first", "last", "linger s",
)  # fmt: skip
MAX_UNMATCHED = 20
"""URLs, prefixes and hashes that matched nothing and are printed."""
TAKEDOWN_ID_PREFIX = "td-"
"""Begins the id of a takedown, and never that of an entry."""
ORDERS_PER_PAGE = 1000


def add_parser(subparsers: Subparsers) -> None:
    takedown = add_command(
        subparsers,
        "takedown",
        "take down URLs, paths or images: every copy is purged from every cache",
        _takedown,
        "Purge a URL, every equivalent URL and variant that was seen, everything below a prefix, and every copy "
        "of an image. With --list, also add the hashes to a list, so that the image is blocked from now on.",
    )
    takedown.add_argument("urls", nargs="*", type=url_argument, metavar="URL", help="a URL as people write it")
    takedown.add_argument(
        "--prefix",
        action="append",
        default=[],
        type=url_argument,
        metavar="URL",
        help="everything below this URL (repeatable)",
    )
    takedown.add_argument(
        "--hash", action="append", default=[], metavar="TYPE:HEX", help="an image, such as pdq:f8… (repeatable)"
    )
    takedown.add_argument("--list", metavar="NAME", help="also add the hashes to this list")
    takedown.add_argument("--dry-run", action="store_true", help="say what would be purged; order nothing")
    takedown.add_argument("--reason", metavar="TEXT", help="why, for the record")
    add_yes(takedown, "takes down everything at a host")
    add_wait(takedown)
    takedowns = add_command(subparsers, "takedowns", "show recent takedowns, or the receipt of one", _takedowns)
    takedowns.add_argument("id", nargs="?", metavar="ID", help="one takedown")
    takedowns.add_argument("--limit", type=integer, default=100, metavar="N", help="number of takedowns (default: 100)")
    receipt = add_command(
        subparsers,
        "receipt",
        "show the receipt of a takedown or entry: who requested it, and what each cache did",
        _receipt,
        "Show the receipt of a takedown or of an entry, listed or removed: who requested it and when, when it was "
        "first blocked, what each cache did and when, and what is not known.",
    )
    receipt.add_argument("id", metavar="ID", help="id of a takedown or of an entry")
    receipt.add_argument("--html", type=Path, metavar="FILE", help="write it as an HTML page")


def _takedown(args: argparse.Namespace) -> int:
    body = {"urls": args.urls, "prefixes": args.prefix, "hashes": args.hash, "list": args.list, "why": args.reason}
    given = {name: value for name, value in body.items() if value}
    if not (args.urls or args.prefix or args.hash):
        raise UserError("takedown: nothing to take down; give URL, --prefix URL or --hash TYPE:HEX")
    if args.list and not args.hash:
        raise UserError("takedown: --list needs a hash; give --hash TYPE:HEX too")
    client = Client.find(args)
    if args.dry_run:
        return purge_previews.show(_preview(client, given), args.json)
    if not args.yes and (hosts := [prefix for prefix in args.prefix if purge_previews.is_whole_host(prefix)]):
        seen = purge_previews.total(_preview(client, {"prefixes": hosts}))
        confirm(args, f"this purges everything below {', '.join(hosts)}: {seen} that were seen")
    answer = client.post("takedowns", body=given, query=wait_query(args), wait=wait_seconds(args))
    if args.json:
        print_json(answer)
    else:
        print(f"takedown {answer['id']}: {_progress(answer)}")
        if args.list:
            print_note(f"to undo the listing: edgeward undo {answer['id']}")
    for text in answer.get("notes", ()):
        print_note(text)
    print_not_matching(answer)
    return _status(args, answer)


def _preview(client: Client, body: dict[str, Any]) -> dict[str, Any]:
    """What a takedown would purge."""
    query, wait = {"dry_run": "true"}, purge_previews.PREVIEW_SECONDS
    found: dict[str, Any] = client.post("takedowns", body=body, query=query, wait=wait)
    return found


def _progress(answer: dict[str, Any]) -> str:
    """How far it is: more purges may follow."""
    ordered = counted(answer["purge"]["orders"], "purge")
    if answer["state"] != "placing":
        return f"{ordered} ordered"
    step = f", step {_step(answer)}" if answer.get("steps") else ""
    return f"placing: {ordered} so far{step}"


def _step(takedown: dict[str, Any]) -> str:
    return f"{min(takedown['steps_done'] + 1, takedown['steps'])} of {takedown['steps']}"


def _done(purge: dict[str, Any], all_matched: bool) -> list[str]:
    """What is printed when no cache owes or refuses anything. `all_matched`: so it is of all that was asked for."""
    if not all_matched:
        return [purge["statement"]] if purge.get("statement") and purge.get("state") not in NO_COPY_STATES else []
    if purge.get("state") == "gone" and purge.get("copies"):
        return ["gone from every cache", purge["statement"]]
    return purge_answers.done(purge)


def _status(args: argparse.Namespace, answer: dict[str, Any]) -> Exit:
    """FOUND if the takedown failed, matched nothing or, with --wait, is not complete. Prints what is missing, and what
    is done."""
    if answer["error"]:
        print_note(answer["error"])
        return Exit.FOUND
    if held := answer.get("held"):
        print_note(held["statement"])
        print_note(f"see `edgeward held {answer['id']}`; `edgeward approve {answer['id']}` applies it")
        return Exit.FOUND
    status = Exit.DONE
    if answer["state"] != "placing":
        status = _report_unmatched(answer.get("unmatched", ()), answer["purge"], args.wait)
    if not args.wait:
        return max(status, _report_no_cache(answer["purge"]), _report_not_in_force(answer))
    if not answer["purge"]["matched"]:
        print_note(f"not all purges are ordered yet; the takedown continues, see `edgeward receipt {answer['id']}`")
        return Exit.FOUND
    purged = status_of(answer)
    is_in_force = not not_in_force(answer)
    done = purged is Exit.DONE or (is_in_force and purge_answers.is_accepted(answer["purge"]))
    if done and not args.json:
        for line in _done(answer["purge"], all_matched=status is Exit.DONE):
            print(line)
    return max(status, purged)


def _report_unmatched(unmatched: Sequence[str], purge: dict[str, Any], waited: bool) -> Exit:
    """FOUND if something of a takedown matched nothing or, with --wait, if no cache had a copy. Names it."""
    for text in unmatched[:MAX_UNMATCHED]:
        print_note(f"nothing matched {text}: no copy of it was seen")
    if len(unmatched) > MAX_UNMATCHED:
        print_note(f"nothing matched {len(unmatched) - MAX_UNMATCHED} more")
    if purge.get("state") == ReceiptState.NOTHING or (waited and purge.get("state") == ReceiptState.FOUND_NOTHING):
        print_note(purge["statement"])
        return Exit.FOUND
    return Exit.FOUND if unmatched else Exit.DONE


def _report_not_in_force(answer: dict[str, Any]) -> Exit:
    """FOUND if its listing is not known to be in force everywhere. Names who is missing."""
    missing = not_in_force(answer)
    for text in missing:
        print_note(text)
    return Exit.FOUND if missing else Exit.DONE


def _report_no_cache(purge: dict[str, Any]) -> Exit:
    """FOUND if no cache is configured: waiting would not help."""
    if purge.get("nodes") != {} or purge.get("state") != "unknown":
        return Exit.DONE
    for text in purge_answers.not_known(purge):
        print_note(text)
    return Exit.FOUND


def _takedowns(args: argparse.Namespace) -> int:
    if args.id:
        return _show(args)
    answer = Client.find(args).get("takedowns", query={"limit": args.limit})
    if args.json:
        print_json(answer)
    else:
        print_table(COLUMNS, [[_readable(t)[column] for column in COLUMNS] for t in answer["takedowns"]])
    return Exit.DONE


def _show(args: argparse.Namespace) -> int:
    receipt = Client.find(args).get("takedowns", args.id)
    if args.json:
        print_json(receipt)
    else:
        _print_receipt(receipt)
    return Exit.DONE


def _receipt(args: argparse.Namespace) -> int:
    receipt = _complete_receipt(Client.find(args), args.id)
    if args.html:
        from edgeward.api.receipt_page import render

        _write(args.html, render(receipt))
    if args.json:
        print_json(receipt)
    elif args.html:
        print(f"wrote {args.html}")
    else:
        _print_receipt(receipt)
    return Exit.DONE


def _complete_receipt(client: Client, name: str) -> dict[str, Any]:
    """The receipt of a takedown or an entry with all its orders, read page by page."""
    path = ("takedowns", name) if name.startswith(TAKEDOWN_ID_PREFIX) else ("entries", name, "receipt")
    try:
        receipt: dict[str, Any] = client.get(*path, query={"limit": ORDERS_PER_PAGE})
    except NotFound:
        raise NotFound(f"no entry or takedown has the ID {name!r}") from None
    while receipt["cursor"]:
        page = client.get(*path, query={"limit": ORDERS_PER_PAGE, "cursor": receipt["cursor"]})
        receipt = {**page, "purges": [*receipt["purges"], *page["purges"]]}
    return receipt


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise UserError(f"{path}: {error.strerror}") from None


def _readable(takedown: dict[str, Any]) -> dict[str, Any]:
    """`state` is where it is: what its caches did, once all its orders are placed."""
    return {**takedown, "at": iso_time(takedown["at"]), "state": takedown.get("receipt_state", takedown["state"])}


def _print_receipt(receipt: dict[str, Any]) -> None:
    summary = receipt["summary"]
    print_fields(
        [*(_takedown_fields(receipt) if "takedown" in receipt else _entry_fields(receipt)), *_summary_fields(summary)]
    )
    print()
    print_table(
        NODE_COLUMNS,
        [
            [
                name,
                *(node.get(key, 0) for key in ("verified", "delivered", "refused", "owed", "unsupported", "copies")),
                *(node.get("met", {}).get(key, 0) for key in ("none", "unknown")),
                node.get("forgotten", 0),
                iso_time(node["first_at"]),
                iso_time(node["last_at"]),
                _seconds(node["linger_seconds"]),
            ]
            for name, node in summary["nodes"].items()
        ],
    )
    if limits := summary.get("limits"):
        print(f"\n{limits}")


def _takedown_fields(receipt: dict[str, Any]) -> list[tuple[str, object]]:
    takedown = receipt["takedown"]
    fields: list[tuple[str, object]] = [("takedown", takedown["id"]), ("state", takedown["state"])]
    fields += [("step", _step(takedown))] if takedown["state"] == "placing" and takedown.get("steps") else []
    fields += [("asked", iso_time(takedown["at"])), ("by", f"{takedown['by']} ({takedown['way']})")]
    fields += [("why", takedown["why"])]
    fields += [(kind, text) for kind in ("urls", "prefixes", "hashes") for text in takedown["what"][kind]]
    fields += [(key, takedown[key]) for key in ("list", "error") if takedown[key]]
    fields += [("unmatched", text) for text in takedown.get("unmatched", ())]
    return [*fields, *(_in_force(receipt) if "active" in receipt else [])]


def _entry_fields(receipt: dict[str, Any]) -> list[tuple[str, object]]:
    entry, blocked = receipt["entry"], receipt["first_blocked"]
    return [
        ("entry", entry["id"]),
        ("hash", f"{entry['type']}:{entry['value']}"),
        ("list", entry["list"]),
        ("state", receipt["state"]),
        ("listed", iso_time(entry["added_at"])),
        ("by", entry["added_by"]),
        ("act", entry.get("act")),
        ("why", entry["reason"]),
        ("effect", receipt.get("effect")),
        *_removal(receipt.get("removed")),
        *_in_force(receipt),
        ("first blocked", iso_time(blocked["at"]) if blocked else None),
    ]


def _removal(removed: dict[str, Any] | None) -> list[tuple[str, object]]:
    """Who took a removed entry off its list, or deleted the list."""
    if not removed:
        return []
    word = "list deleted" if removed["op"] == "list.delete" else "removed"
    return [(word, iso_time(removed["at"])), (f"{word} by", removed["by"]), (f"{word} why", removed["why"])]


def _in_force(receipt: dict[str, Any]) -> list[tuple[str, object]]:
    """Whether every process acts by the current lists."""
    waiting_for, silent = receipt["waiting_for"], silent_processes(receipt.get("silent", ()))
    late = f"not yet in {', '.join(waiting_for)}" if waiting_for else "not known to be everywhere"
    return [("in force", "everywhere" if receipt["active"] else late), *(("silent", text) for text in silent)]


def _summary_fields(summary: dict[str, Any]) -> list[tuple[str, object]]:
    return [
        ("orders", summary["orders"]),
        ("first purge", iso_time(summary["first_at"])),
        ("last purge", iso_time(summary["last_at"])),
        ("linger s", _seconds(summary["linger_seconds"])),
        ("known", summary.get("statement")),
        *(("not known", text) for text in summary.get("unknowns", ())),
    ]


def _seconds(seconds: float | None) -> str | None:
    return None if seconds is None else f"{seconds:.3f}"
