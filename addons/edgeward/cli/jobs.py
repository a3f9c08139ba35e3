"""`jobs`, `jobs cancel`: imports, how far they are, and how to stop one."""

import argparse
from typing import Any

from edgeward.cli.client import Client
from edgeward.cli.options import Subparsers, add_command, integer
from edgeward.cli.output import iso_time, print_fields, print_json, print_note, print_table
from edgeward.errors import Exit, UserError
from edgeward.quantities import counted
from edgeward.types.absent_caches import what_to_do

COLUMNS = ("id", "at", "list", "state", "total", "listed", "added", "matched", "orders", "by")
CANCEL = "cancel"
TIMEOUT_SECONDS = 30.0


def add_parser(subparsers: Subparsers) -> None:
    jobs = add_command(
        subparsers,
        "jobs",
        "show recent imports, or one; cancel one",
        _jobs,
        "Show recent imports, or one. `edgeward jobs cancel ID` stops one at its next chunk, and takes back what it "
        "has done.",
    )
    jobs.add_argument("id", nargs="*", metavar="ID", help=f"one job; {CANCEL} ID: see above")
    jobs.add_argument("--limit", type=integer, default=100, metavar="N", help="number of jobs (default: 100)")
    jobs.add_argument("--reason", metavar="TEXT", help=f"of {CANCEL}: why, for the audit trail")


def _jobs(args: argparse.Namespace) -> int:
    if args.id[:1] == [CANCEL] and len(args.id) == 2:
        return _cancel(args, args.id[1])
    if len(args.id) > 1:
        raise UserError("give one ID, or: edgeward jobs cancel ID")
    client = Client.find(args)
    answer = client.get("jobs", args.id[0]) if args.id else client.get("jobs", query={"limit": args.limit})
    if args.json:
        print_json(answer)
    elif args.id:
        print_job(answer)
        for name in answer.get("absent", ()):
            print_note(f"{name} has not carried out every purge, and {what_to_do(name)}")
    else:
        print_table(COLUMNS, [[_readable(job)[title] for title in COLUMNS] for job in answer["jobs"]])
    return Exit.DONE


def _cancel(args: argparse.Namespace, job_id: str) -> int:
    query = {"why": args.reason, "timeout": TIMEOUT_SECONDS}
    client = Client.find(args)
    answer = client.send("DELETE", ("jobs", job_id), query, wait=TIMEOUT_SECONDS)
    act = answer["act"]
    if args.json:
        print_json(answer)
    else:
        done = [f"{counted(act['removed'], 'entry', 'entries')} removed"]
        done += [f"{act['kept']} kept, as another act lists them too"] if act["kept"] else []
        done += [f"{act['restored']} put back"] if act["restored"] else []
        print(f"{job_id} is cancelled: {', '.join(done)}")
    if answer["state"] == "done":
        return Exit.DONE
    print_note(f"what it listed is being taken back: see `edgeward undo {job_id}`")
    return Exit.FOUND


def print_job(job: dict[str, Any]) -> None:
    fields = [*COLUMNS[:5], "bad", *COLUMNS[5:7], "known", *COLUMNS[7:], "reason", "error"]
    if job.get("withdrawals") or job.get("withdrawn_sources"):
        fields.insert(fields.index("matched"), "withdrawn")
    readable = _readable(job)
    counts = [
        (title, ", ".join(f"{cache} {count}" for cache, count in job.get(title, {}).items() if count))
        for title in ("owed", "refused")
    ]
    print_fields([*((name, readable[name]) for name in fields), *counts])


def _readable(job: dict[str, Any]) -> dict[str, Any]:
    return {**job, "at": iso_time(job["at"])}
