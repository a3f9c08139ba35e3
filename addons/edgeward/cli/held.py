"""`held`, `approve`, `reject`: updates of the lists that would block too much, and wait for a second person."""

import argparse
from typing import Any

from edgeward.cli.client import Client
from edgeward.cli.options import Subparsers, add_command
from edgeward.cli.output import iso_time, print_fields, print_json, print_table
from edgeward.errors import Exit

COLUMNS = ("id", "at", "kind", "list", "what", "images", "targets", "by")


def add_parser(subparsers: Subparsers) -> None:
    held = add_command(
        subparsers,
        "held",
        "show updates that wait for a second person, or one",
        _held,
        "Show the updates of the lists that would block or purge too much, and wait until a second person approves or "
        "rejects them; or one of them, with what it would do.",
    )
    held.add_argument("id", nargs="?", metavar="ID", help="one update")
    approve = add_command(
        subparsers,
        "approve",
        "approve a held update: it is applied",
        _approve,
        "Approve a held update. It is judged anew; if it would do more by now, it stays held with the new numbers. "
        "The token must be another than that of who asked for it ($EDGEWARD_TOKEN).",
    )
    reject = add_command(subparsers, "reject", "reject a held update: it is never applied", _reject)
    for command in (approve, reject):
        command.add_argument("id", metavar="ID", help="id of the update: see `edgeward held`")
        command.add_argument("--reason", metavar="TEXT", help="why, for the audit trail")


def _held(args: argparse.Namespace) -> int:
    client = Client.find(args)
    answer = client.get("held", args.id) if args.id else client.get("held")
    if args.json:
        print_json(answer)
    elif args.id:
        _print_update(answer)
    else:
        print_table(COLUMNS, [[_readable(each)[title] for title in COLUMNS] for each in answer["held"]])
    return Exit.DONE


def _approve(args: argparse.Namespace) -> int:
    answer = _decide(args, "approve")
    if not args.json:
        see = {"import": f"edgeward jobs {args.id}", "takedown": f"edgeward receipt {args.id}"}.get(
            answer["kind"], f"edgeward list show {answer['list']}"
        )
        print(f"{args.id} is approved, and is being applied: see `{see}`")
    return Exit.DONE


def _reject(args: argparse.Namespace) -> int:
    _decide(args, "reject")
    if not args.json:
        print(f"{args.id} is rejected: nothing of it was applied")
    return Exit.DONE


def _decide(args: argparse.Namespace, decision: str) -> dict[str, Any]:
    client = Client.find(args)
    # It is judged anew first, which may take as long as the judgement of the file did.
    answer: dict[str, Any] = client.post("held", args.id, decision, body={"why": args.reason or ""}, wait=300.0)
    if args.json:
        print_json(answer)
    return answer


def _print_update(update: dict[str, Any]) -> None:
    readable = _readable(update)
    fields = [(name, readable[name]) for name in ("id", "at", "kind", "list", "what", "by", "why", "state", "error")]
    numbers = ("images", "targets", "hosts", "protected", "protected_hashes", "seen_in_last_day")
    fields += [(name.replace("_", " "), readable[name]) for name in numbers]
    if update["sampled"]:
        fields.append(("sampled", f"{update['sampled']} of {update['images_seen']} images"))
    fields += [("held", reason) for reason in update["reasons"]]
    print_fields(fields)


def _readable(update: dict[str, Any]) -> dict[str, Any]:
    least = "at least " if update["at_least"] else ""
    return {
        **update,
        "at": iso_time(update["at"]),
        "images": f"{least}{update['images']}",
        "targets": f"{least}{update['targets']}",
    }
