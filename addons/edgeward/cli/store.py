"""`store refill`: restores the lists of a store that lost its data."""

import argparse
from typing import Any

from edgeward.cli.client import Client
from edgeward.cli.options import Subparsers, add_command, add_group
from edgeward.cli.output import print_json, print_note
from edgeward.cli.wait_options import add_timeout
from edgeward.errors import Exit, UserError
from edgeward.quantities import counted

TIMEOUT_SECONDS = 300.0


def add_parser(subparsers: Subparsers) -> None:
    group = add_group(subparsers, "store", "repair the store after a loss of data")
    refill = add_command(
        group,
        "refill",
        "write lists and entries back to a store that lost them",
        _refill,
        "Write lists and entries back to a store that lost its data, from the memory of a running process. Do not "
        "restart any process before: what no process holds any more can't come back. The command says what it could "
        "not restore. It can be repeated.",
    )
    refill.add_argument(
        "--accept-empty",
        action="store_true",
        help="restore nothing: give up what the store lost, also in memory, and go on with the lists that it has",
    )
    refill.add_argument(
        "--caches-emptied",
        action="store_true",
        help="restore nothing: every cache was emptied after the refill, so no copy from before the loss is left",
    )
    refill.add_argument("--reason", metavar="TEXT", help="why, for the audit trail")
    add_timeout(refill, f"longest time to wait for the end (default: {TIMEOUT_SECONDS:g})", TIMEOUT_SECONDS)


def _refill(args: argparse.Namespace) -> int:
    if args.accept_empty and args.caches_emptied:
        raise UserError("store refill: first --accept-empty; then empty every cache, and say --caches-emptied")
    body = {"accept_empty": args.accept_empty, "why": args.reason or "", "timeout": args.timeout}
    if args.caches_emptied:
        body["caches_emptied"] = True
    answer = Client.find(args).post("store", "refill", body=body, wait=args.timeout)
    if args.json:
        print_json(answer)
    elif args.caches_emptied:
        # An older API does not say whether there was one.
        if answer.get("loss_ended", True):
            print("noted: no copy from before the loss of the store's data is left")
        else:
            print("noted that every cache was emptied; no loss of the store's data was on record")
    else:
        _print_result(answer)
    return Exit.DONE


def _print_result(answer: dict[str, Any]) -> None:
    if not answer["needed"]:
        print("nothing to restore: the store has every list and entry that this controller knows")
        if answer.get("sightings_lost"):
            print_note("sightings were lost with the store's data: empty every cache, and then say --caches-emptied")
        return
    refill = answer["refill"]
    if refill["mode"] == "accepted":
        print(f"accepted at version {refill['version']}: what the store lost is given up")
    else:
        lists, entries = counted(refill["lists"], "list"), counted(refill["entries"], "entry", "entries")
        print(f"restored {lists} and {entries} from memory; the lists are at version {refill['version']}")
    print_note("not restored, and lost if the whole store was emptied:")
    for text in answer["not_restored"]:
        print_note(f"- {text}")
