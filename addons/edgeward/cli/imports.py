"""`import`, `jobs`: files of hashes, listed in the background."""

import argparse
import sys
import time
from pathlib import Path
from typing import Any

from edgeward.cli import files
from edgeward.cli.client import Client
from edgeward.cli.options import Subparsers, add_command
from edgeward.cli.output import moment, note, print_fields, print_json, print_table
from edgeward.cli.waiting import add_wait
from edgeward.errors import BadImage, Exit, UserError

TITLES = ("id", "at", "list", "state", "total", "listed", "added", "matched", "orders", "by")
FORMATS = {".csv": "csv", ".jsonl": "jsonl", ".ndjson": "jsonl"}
"""By the end of a file's name; any other is text."""
POLL_SECONDS = 0.5
UPLOAD_SECONDS = 60.0
"""How much longer than any other the answer to a large file may take."""
ENDED = ("done", "failed")


def add_parser(subparsers: Subparsers) -> None:
    imported = add_command(
        subparsers,
        "import",
        "list all hashes of a file",
        _import,
        "List all hashes of a file, in the background: `edgeward jobs` shows how far it is. Where a line is bad, it is "
        "named, and nothing is listed.",
    )
    imported.add_argument("list", metavar="LIST", help="the list's name")
    imported.add_argument("file", metavar="FILE", help='the file ("-": standard input)')
    imported.add_argument(
        "--format",
        choices=("text", "csv", "jsonl"),
        help="text: a line TYPE:HEX for each; csv: with the columns type, value, quality, reason; jsonl: objects with "
        "these keys (else told by the file's name)",
    )
    imported.add_argument("--type", metavar="TYPE", help="type of the hashes whose lines do not say it")
    imported.add_argument(
        "--quality", type=int, metavar="N", help="quality of the PDQ hashes whose lines do not say it"
    )
    imported.add_argument("--reason", metavar="TEXT", help="why, for entries without a reason and the audit trail")
    imported.add_argument("--dry-run", action="store_true", help="only say what is in the file")
    imported.add_argument("--skip-bad", action="store_true", help="list the good lines although others are bad")
    add_wait(imported)
    jobs = add_command(subparsers, "jobs", "show recent imports, or one", _jobs)
    jobs.add_argument("id", nargs="?", metavar="ID", help="one job")
    jobs.add_argument("--limit", type=int, default=100, metavar="N", help="how many jobs (100)")


def _import(args: argparse.Namespace) -> int:
    query = {
        "format": args.format or FORMATS.get(Path(args.file).suffix.lower(), "text"),
        "type": args.type,
        "quality": args.quality,
        "reason": args.reason,
        "skip_bad": "true" if args.skip_bad else None,
        "dry_run": "true" if args.dry_run else None,
    }
    body = _read(args.file)
    client = Client.find(args)
    with files.named(args.file):
        answer = client.post("lists", args.list, "imports", body=body, query=query, wait=UPLOAD_SECONDS)
    if args.dry_run:
        return _print_dry(args, answer)
    job = answer["job"]
    for each in job["bad_lines"]:
        note(f"{args.file}: line {each['line']} left out: {each['why']}")
    if args.wait:
        job = {**job, **_follow(client, args, job)}
    if args.json:
        print_json(job)
    else:
        _print_job(job)
    return _status(args, job)


def _read(name: str) -> bytes:
    if name == "-":
        return sys.stdin.buffer.read(files.MAX_BYTES + 1)
    try:
        return files.read_file(name)
    except BadImage as error:
        raise UserError(str(error)) from None


def _print_dry(args: argparse.Namespace, answer: dict[str, Any]) -> int:
    if args.json:
        print_json(answer)
    else:
        for each in answer["bad_lines"]:
            print(f"line {each['line']}: {each['why']}")
        print(f"{answer['total']} hashes, {answer['repeated']} repeated, {answer['bad']} bad lines; nothing was listed")
    return Exit.FOUND if answer["bad"] else Exit.DONE


def _follow(client: Client, args: argparse.Namespace, job: dict[str, Any]) -> dict[str, Any]:
    """Wait until the job has ended and its purges are done. `--timeout` is the longest time without any progress."""
    seen, moved = -1, time.monotonic()
    while job["state"] not in ENDED and time.monotonic() - moved < args.timeout:
        progress = job["listed"] + job["matched"]
        if progress != seen:
            seen, moved = progress, time.monotonic()
        _show_progress(args, job)
        time.sleep(POLL_SECONDS)
        job = client.get("jobs", job["id"])
    _show_progress(args, job, end="\n")
    if job["state"] == "done":
        query = {"wait": "verified", "timeout": args.timeout}
        job = client.send("GET", ("jobs", job["id"]), query, wait=args.timeout)
    return job


def _show_progress(args: argparse.Namespace, job: dict[str, Any], end: str = "") -> None:
    if sys.stderr.isatty() and not args.json:
        counts = f"{job['listed']:,} of {job['total']:,} listed, {job['matched']:,} matched backwards"
        print(f"\r{counts}, {job['orders']:,} purges ", end=end, file=sys.stderr, flush=True)


def _status(args: argparse.Namespace, job: dict[str, Any]) -> Exit:
    if job["state"] == "failed":
        note(f"the import failed: {job['error']}")
        return Exit.FOUND
    if not args.wait:
        return Exit.DONE
    if job["state"] != "done":
        note(f"no progress within {args.timeout:g} s: it goes on, see `edgeward jobs {job['id']}`")
        return Exit.FOUND
    for cache, count in job["owed"].items():
        note(f"{cache} still owes {count} purges: they go on, see `edgeward purges`")
    return Exit.FOUND if job["owed"] else Exit.DONE


def _jobs(args: argparse.Namespace) -> int:
    client = Client.find(args)
    answer = client.get("jobs", args.id) if args.id else client.get("jobs", query={"limit": args.limit})
    if args.json:
        print_json(answer)
    elif args.id:
        _print_job(answer)
    else:
        print_table(TITLES, [[_readable(job)[title] for title in TITLES] for job in answer["jobs"]])
    return Exit.DONE


def _print_job(job: dict[str, Any]) -> None:
    fields = (*TITLES[:5], "bad", *TITLES[5:7], "known", *TITLES[7:], "reason", "error")
    readable = _readable(job)
    owed = ", ".join(f"{cache} {count}" for cache, count in job["owed"].items())
    print_fields([*((name, readable[name]) for name in fields), ("owed", owed)])


def _readable(job: dict[str, Any]) -> dict[str, Any]:
    return {**job, "at": moment(job["at"])}
