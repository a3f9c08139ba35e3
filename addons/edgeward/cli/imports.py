"""`import`, `jobs`: list a file of hashes in the background."""

import argparse
import sys
import time
from pathlib import Path
from typing import Any

from edgeward.cli import image_sources, purge_answers
from edgeward.cli.client import Client
from edgeward.cli.options import Subparsers, add_command, integer
from edgeward.cli.output import iso_time, print_fields, print_json, print_not_matching, print_note, print_table
from edgeward.cli.wait_options import add_wait, not_in_force, not_removed
from edgeward.errors import BadImage, Exit, UserError
from edgeward.quantities import counted
from edgeward.types import FINAL_IMPORT_STATES, ImportState
from edgeward.types.absent_caches import what_to_do

COLUMNS = ("id", "at", "list", "state", "total", "listed", "added", "matched", "orders", "by")
FORMATS = {".csv": "csv", ".jsonl": "jsonl", ".ndjson": "jsonl"}
"""Format by the suffix of the file name; any other is text."""
POLL_SECONDS = 0.5
UPLOAD_SECONDS = 60.0
"""Extra time for the response to a large file."""


def add_parser(subparsers: Subparsers) -> None:
    imported = add_command(
        subparsers,
        "import",
        "add all hashes of a file to a list",
        _import,
        "Add all hashes of a file to a list, in the background. `edgeward jobs` shows the progress. A bad line is "
        "named, and then nothing is listed.",
    )
    imported.add_argument("list", metavar="LIST", help="the list's name")
    imported.add_argument("file", metavar="FILE", help='the file ("-": standard input)')
    imported.add_argument(
        "--format",
        choices=("text", "csv", "jsonl"),
        help="text: one TYPE:HEX per line; csv: columns type, value, quality, reason; jsonl: one object per line with "
        "these keys (default: by the file name)",
    )
    imported.add_argument("--type", metavar="TYPE", help="type of hashes on lines without a type")
    imported.add_argument("--quality", type=integer, metavar="N", help="quality of PDQ hashes on lines without one")
    imported.add_argument("--reason", metavar="TEXT", help="why, for the audit trail and for entries without a reason")
    imported.add_argument("--dry-run", action="store_true", help="only report what is in the file")
    imported.add_argument("--skip-bad", action="store_true", help="list the good lines even if others are bad")
    imported.add_argument(
        "--purge-again",
        action="store_true",
        help="purge again also what was on the list before: copies may have been stored since (default: new entries)",
    )
    add_wait(imported)
    jobs = add_command(subparsers, "jobs", "show recent imports, or one", _jobs)
    jobs.add_argument("id", nargs="?", metavar="ID", help="one job")
    jobs.add_argument("--limit", type=integer, default=100, metavar="N", help="number of jobs (default: 100)")


def _import(args: argparse.Namespace) -> int:
    query = {
        "format": args.format or FORMATS.get(Path(args.file).suffix.lower(), "text"),
        "type": args.type,
        "quality": args.quality,
        "reason": args.reason,
        "skip_bad": "true" if args.skip_bad else None,
        "dry_run": "true" if args.dry_run else None,
        "purge_again": "true" if args.purge_again else None,
    }
    body = _read(args.file)
    client = Client.find(args)
    with image_sources.naming_source(args.file):
        answer = client.post("lists", args.list, "imports", body=body, query=query, wait=UPLOAD_SECONDS)
    if args.dry_run:
        return _print_dry_run(args, answer)
    job = answer["job"]
    print_not_matching(job)
    for each in job["bad_lines"]:
        print_note(f"{args.file}: line {each['line']} skipped: {each['why']}")
    if args.wait:
        job = {**job, **_wait_for_end(client, args, job)}
    if args.json:
        print_json(job)
    else:
        _print_job(job)
        if job["total"]:
            print(f"to undo this: edgeward undo {job['id']}")
    return _status(args, job)


def _read(name: str) -> bytes:
    if name == "-":
        return sys.stdin.buffer.read(image_sources.MAX_BYTES + 1)
    try:
        return image_sources.read_file(name)
    except BadImage as error:
        raise UserError(str(error)) from None


def _print_dry_run(args: argparse.Namespace, answer: dict[str, Any]) -> int:
    print_not_matching(answer)
    if args.json:
        print_json(answer)
    else:
        for each in answer["bad_lines"]:
            print(f"line {each['line']}: {each['why']}")
        hashes, bad = counted(answer["total"], "hash", "hashes"), counted(answer["bad"], "bad line")
        print(f"{hashes}, {answer['repeated']} repeated, {bad}; nothing was listed")
    if not answer["total"]:
        print_note(_nothing_in(args.file))
    return Exit.DONE if answer["total"] and not answer["bad"] else Exit.FOUND


def _nothing_in(file: str) -> str:
    """Of a file without a hash that can be listed: it may have been cut off on its way here."""
    return f"{file}: there is no hash in it: nothing was listed"


def _wait_for_end(client: Client, args: argparse.Namespace, job: dict[str, Any]) -> dict[str, Any]:
    """Wait until the job has ended and its purges are carried out. `--timeout` is the longest time without progress."""
    last_progress, last_change = -1, time.monotonic()
    while job["state"] not in FINAL_IMPORT_STATES and time.monotonic() - last_change < args.timeout:
        progress = job["listed"] + job["matched"]
        if progress != last_progress:
            last_progress, last_change = progress, time.monotonic()
        _show_progress(args, job)
        time.sleep(POLL_SECONDS)
        job = client.get("jobs", job["id"])
    _show_progress(args, job, end="\n")
    if job["state"] == ImportState.DONE:
        query = {"wait": "verified", "timeout": args.timeout}
        job = client.send("GET", ("jobs", job["id"]), query, wait=args.timeout)
    return job


def _show_progress(args: argparse.Namespace, job: dict[str, Any], end: str = "") -> None:
    if sys.stderr.isatty() and not args.json:
        counts = f"{job['listed']:,} of {job['total']:,} listed, {job['matched']:,} matched against sightings"
        print(f"\r{counts}, {job['orders']:,} purges ", end=end, file=sys.stderr, flush=True)


def _status(args: argparse.Namespace, job: dict[str, Any]) -> Exit:
    if job["state"] == ImportState.FAILED:
        print_note(f"the import failed: {job['error']}")
        return Exit.FOUND
    if not job["total"]:
        print_note(_nothing_in(args.file))
        return Exit.FOUND
    if not args.wait:
        return Exit.DONE
    if job["state"] != ImportState.DONE:
        print_note(f"no progress within {args.timeout:g} s; the import continues, see `edgeward jobs {job['id']}`")
        return Exit.FOUND
    if (known := job.get("known", 0)) and not args.purge_again:
        print_note(
            f"{counted(known, 'hash', 'hashes')} of the file {'was' if known == 1 else 'were'} on the list before: not "
            "purged again (--purge-again)"
        )
    purge = job.get("purge", {})
    absent = job.get("absent", ())
    missing = not_removed(job["owed"], job.get("refused", {}), purge_answers.refusals(purge), absent)
    missing += [*purge_answers.not_verified(purge), *purge_answers.not_known(purge), *not_in_force(job)]
    for text in missing:
        print_note(text)
    blocks_nothing = any(each["count"] == each["of"] for each in job.get("not_matching", ()))
    done = not missing or purge_answers.is_accepted(purge)
    if purge and done and not args.json and (not blocks_nothing or purge.get("state") == "inactive"):
        # If nothing was purged since all was listed before, the sentence says that alone.
        nothing_new = not purge["orders"] and known and known == job["total"] and not args.purge_again
        print("\n".join(purge_answers.done(purge)[1 if nothing_new else 0 :]))
    return Exit.FOUND if missing else Exit.DONE


def _jobs(args: argparse.Namespace) -> int:
    client = Client.find(args)
    answer = client.get("jobs", args.id) if args.id else client.get("jobs", query={"limit": args.limit})
    if args.json:
        print_json(answer)
    elif args.id:
        _print_job(answer)
        for name in answer.get("absent", ()):
            print_note(f"{name} has not carried out every purge, and {what_to_do(name)}")
    else:
        print_table(COLUMNS, [[_readable(job)[title] for title in COLUMNS] for job in answer["jobs"]])
    return Exit.DONE


def _print_job(job: dict[str, Any]) -> None:
    fields = (*COLUMNS[:5], "bad", *COLUMNS[5:7], "known", *COLUMNS[7:], "reason", "error")
    readable = _readable(job)
    counts = [
        (title, ", ".join(f"{cache} {count}" for cache, count in job.get(title, {}).items() if count))
        for title in ("owed", "refused")
    ]
    print_fields([*((name, readable[name]) for name in fields), *counts])


def _readable(job: dict[str, Any]) -> dict[str, Any]:
    return {**job, "at": iso_time(job["at"])}
