"""`import`, `sync`: list a file of hashes in the background."""

import argparse
import secrets
import threading
import time
from collections.abc import Mapping
from typing import Any

from edgeward.cli import image_sources, purge_answers
from edgeward.cli.client import Client
from edgeward.cli.hash_file_sources import HashFile, open_hash_file
from edgeward.cli.job_record import JobRecord
from edgeward.cli.jobs import print_job
from edgeward.cli.options import Subparsers, add_command, integer
from edgeward.cli.output import print_json, print_not_matching, print_note
from edgeward.cli.progress_bar import ProgressBar
from edgeward.cli.wait_options import add_wait, not_in_force, not_removed
from edgeward.errors import EdgewardError, Exit
from edgeward.quantities import counted
from edgeward.types import FINAL_IMPORT_STATES, ImportState

POLL_SECONDS = 0.5
UPLOAD_SECONDS = 6 * 3600.0
"""Longest time that the reading of a file takes after it was sent."""
CHECKED_FIRST_BYTES = 8 * 1024 * 1024
"""Before a file larger than this is sent, it is looked whether the list exists."""
FLAGS = ("skip_bad", "dry_run", "purge_again", "save_profile", "sync", "allow_large_removal")
STAGES = {"receiving": "sending", "done": "recording"}
"""Stages of the API by other names: those of the command."""


def add_parser(subparsers: Subparsers) -> None:
    imported = add_command(
        subparsers,
        "import",
        "add all hashes of a file to a list",
        _import,
        "Add all hashes of a file to a list, in the background, and take off what the file withdraws. `edgeward jobs` "
        "shows the progress. The file may be compressed (gzip, zstd, zip). A bad row is named, and then nothing is "
        "listed.",
    )
    _add_options(imported)
    imported.set_defaults(sync=False, source=None, allow_large_removal=False)
    synchronized = add_command(
        subparsers,
        "sync",
        "replace what a source has on a list by its new whole list",
        _import,
        "Replace what a source has on a list by the file, its new whole list: list what is new, and take off what the "
        "source had listed and the file lacks. What people or other sources list stays. A file that lacks more than "
        "30 % of what the source has is refused.",
    )
    _add_options(synchronized)
    synchronized.set_defaults(sync=True)
    synchronized.add_argument(
        "--source", metavar="NAME", help="whose list it is, where several fill this list (default: sync)"
    )
    synchronized.add_argument(
        "--allow-large-removal", action="store_true", help="take off more than 30 %% of what the source has, or all"
    )


def _add_options(imported: argparse.ArgumentParser) -> None:
    imported.add_argument("list", metavar="LIST", help="the list's name")
    imported.add_argument("file", metavar="FILE", help='the file ("-": standard input)')
    imported.add_argument("--format", metavar="NAME", help="see docs/list-formats.md (default: it is recognised)")
    imported.add_argument(
        "--map",
        metavar="FIELD=COLUMN,...",
        help="of a CSV: which column holds what; FIELD is a type of hashes, value, type, quality, reason, source_id, "
        "tags or withdrawn; COLUMN is a name, or colN",
    )
    imported.add_argument("--separator", metavar="CHAR", help="of a CSV: one character, or tab (default: found out)")
    imported.add_argument(
        "--header",
        action=argparse.BooleanOptionalAction,
        help="of a CSV: the first line does or does not name the columns (default: found out)",
    )
    imported.add_argument("--categories", metavar="N,...", help="of a VICS file: categories whose media are listed")
    imported.add_argument("--type", metavar="TYPE", help="type of hashes on rows without a type")
    imported.add_argument("--quality", type=integer, metavar="N", help="quality of PDQ hashes on rows without one")
    imported.add_argument("--reason", metavar="TEXT", help="why, for the audit trail and for entries without a reason")
    imported.add_argument(
        "--dry-run", action="store_true", help="only say what is in the file, and what it would block and purge"
    )
    imported.add_argument("--skip-bad", action="store_true", help="list the good rows even if others are bad")
    imported.add_argument(
        "--purge-again",
        action="store_true",
        help="purge again also what was on the list before: copies may have been stored since (default: new entries)",
    )
    imported.add_argument(
        "--save-profile",
        action="store_true",
        help="keep --format, --map, --separator, --header, --categories, --type and --quality with the list: an import "
        "of it without any of them uses them",
    )
    add_wait(imported)


def _import(args: argparse.Namespace) -> int:
    query = {
        "format": args.format,
        "map": args.map,
        "separator": args.separator,
        "header": None if args.header is None else str(args.header).lower(),
        "categories": args.categories,
        "type": args.type,
        "quality": args.quality,
        "reason": args.reason,
        "source": args.source,
        **{name: "true" for name in FLAGS if getattr(args, name)},
    }
    client, bar = Client.find(args), ProgressBar(not args.json)
    file = open_hash_file(args.file)
    try:
        if file.size > CHECKED_FIRST_BYTES:
            client.get("lists", args.list)
        with image_sources.naming_source(file.name):
            answer = _send(client, args.list, file, query, bar)
    finally:
        bar.end()
        file.close()
    return finish(args, answer, client, bar)


def finish(args: argparse.Namespace, answer: dict[str, Any], client: Client, bar: ProgressBar) -> int:
    """Say what the API answered to an import, and wait for its end where that is asked for."""
    if args.dry_run:
        return _print_dry_run(args, answer)
    job = answer["job"]
    _print_notes(args, job)
    if args.wait:
        job = {**job, **_wait_for_end(client, args, job, bar)}
    if args.json:
        print_json(job)
    else:
        print_job(job)
        changes = job["total"] or job.get("withdrawals") or job.get("withdrawn_sources")
        if changes and job["state"] != ImportState.HELD:
            print(f"to undo this: edgeward undo {job['id']}")
    return _status(args, job)


def _send(
    client: Client, list_name: str, file: HashFile, query: Mapping[str, str | int | None], bar: ProgressBar
) -> dict[str, Any]:
    """Send the file, and show how far it is until the answer comes."""
    upload = secrets.token_hex(8) if bar.is_shown else None
    answers: list[dict[str, Any]] = []
    errors: list[Exception] = []
    sent = 0

    def note(count: int) -> None:
        nonlocal sent
        sent = count

    def send() -> None:
        try:
            path = "lists", list_name, "imports"
            answers.append(client.upload(*path, file=file, query={**query, "upload": upload}, timeout=UPLOAD_SECONDS))
        except Exception as error:  # noqa: BLE001  it is raised again in the thread that waits
            errors.append(error)

    file.on_read = note
    # A daemon: when the command is interrupted, the API sees that the connection ends, and gives the import up.
    thread = threading.Thread(target=send, name="upload", daemon=True)
    thread.start()
    while thread.is_alive():
        if bar.is_shown:
            bar.show("sending", sent, file.size, "B")
            _show_reading(client, upload or "", bar)
        thread.join(POLL_SECONDS)
    if errors:
        raise errors[0]
    return answers[0]


def _show_reading(client: Client, upload: str, bar: ProgressBar) -> None:
    """What the API does with a file that it has."""
    try:
        now = client.get("uploads", upload)
    except EdgewardError:
        # It may not be there yet, or another controller may have it: then no more is shown.
        return
    if now["stage"] != "receiving":
        unit = "B" if now["stage"] == "reading" else "hashes"
        bar.show(STAGES.get(now["stage"], now["stage"]), now["done"], now["total"], unit)


def _print_notes(args: argparse.Namespace, answer: dict[str, Any]) -> None:
    """To standard error: how the file was read, and what of it needs attention."""
    if answer.get("format_title") and not args.format and not answer.get("profile", {}).get("format"):
        packed = f", {answer['compression']}" if answer.get("compression") else ""
        print_note(f"this looks like {answer['format_title']}{packed}")
    if answer.get("columns"):
        print_note(answer["columns"])
    if profile := answer.get("profile"):
        print_note(f"read by the profile of the list {args.list!r}: {_options(profile)}")
    if answer.get("profile_saved"):
        print_note(f"the options are saved as the profile of the list {args.list!r}")
    for each in answer.get("left_out", ()):
        print_note(f"left out: {counted(each['count'], 'row')}: {each['what']}")
    if conflicting := answer.get("conflicting"):
        print_note(f"{counted(conflicting, 'row')} of {answer['repeated']} repeated ones differ: the last one counts")
    if sync := answer.get("sync"):
        print_note(
            f"of {counted(sync['listed'], 'entry', 'entries')} of {sync['source']!r} {sync['unchanged']} stay, and "
            f"{sync['missing']} are missing in the file"
        )
    print_not_matching(answer)
    unit = answer.get("unit", "line")
    for each in answer["bad_lines"]:
        print_note(f"{args.file}: {unit} {each['line']} skipped: {each['why']}")
    if (more := answer["bad"] - len(answer["bad_lines"])) > 0:
        print_note(f"{args.file}: {more} more skipped")


def _options(profile: Mapping[str, Any]) -> str:
    """A profile as options of the command."""
    options = []
    for name, value in profile.items():
        if isinstance(value, bool):
            options.append(f"--{name}" if value else f"--no-{name}")
        else:
            parts = [f"{key}={column}" for key, column in value.items()] if isinstance(value, dict) else value
            options.append(f"--{name} {','.join(parts) if isinstance(parts, list) else parts!s}")
    return " ".join(options)


def _print_dry_run(args: argparse.Namespace, answer: dict[str, Any]) -> int:
    _print_notes(args, {**answer, "bad_lines": (), "bad": 0})
    withdraws = answer.get("withdrawals", 0) + answer.get("withdrawn_sources", 0)
    if args.json:
        print_json(answer)
    else:
        print("\n".join(dry_run_lines(answer)))
    found_any = answer["total"] or withdraws or answer.get("sync", {}).get("unchanged")
    if not found_any:
        print_note(_nothing_in(args.file))
    return Exit.DONE if found_any and not answer["bad"] else Exit.FOUND


def dry_run_lines(answer: Mapping[str, Any]) -> list[str]:
    """What a dry run found, in sentences."""
    unit = answer.get("unit", "line")
    lines = [f"{unit} {each['line']}: {each['why']}" for each in answer["bad_lines"]]
    if (more := answer["bad"] - len(answer["bad_lines"])) > 0:
        lines.append(f"and {counted(more, f'more bad {unit}')}")
    hashes, bad = counted(answer["total"], "hash", "hashes"), counted(answer["bad"], f"bad {unit}")
    if sync := answer.get("sync"):
        hashes = f"{hashes} to list, {sync['unchanged']} that {sync['source']!r} lists already"
    lines.append(f"{hashes}, {answer['repeated']} repeated, {bad}; nothing was listed")
    if "new" in answer:
        fate = "they get those of the file" if answer.get("replaces") else "they keep theirs"
        changed = f" ({answer['changed']} with another source id, tags or quality: {fate})"
        known = f"{answer['known']} already listed{changed if answer['changed'] else ''}"
        lines.append(f"{answer['new']} new, {known}")
    if answer.get("withdrawals") or answer.get("withdrawn_sources"):
        lines.append(
            f"would withdraw {counted(answer['withdrawn'], 'entry', 'entries')}; "
            f"{counted(answer['not_listed'], 'withdrawn hash', 'withdrawn hashes')} not on the list"
        )
    if sync and sync["kept"]:
        lines.append(f"{counted(sync['kept'], 'missing entry', 'missing entries')} would stay: others list them too")
    if sync and sync["too_large"]:
        lines.append(f"it would be refused without --allow-large-removal: {sync['too_large']}")
    if effect := answer.get("effect"):
        lines.append(_effect_line(effect))
    lines += [f"it would be held until a second person approves it: {reason}" for reason in answer.get("held", ())]
    return lines


def _effect_line(effect: Mapping[str, Any]) -> str:
    least = "at least " if effect["at_least"] else ""
    images, targets = counted(effect["images"], "image"), counted(effect["targets"], "target")
    line = f"of all that was seen it would block {least}{images} and purge {least}{targets}"
    if effect["blocked_already"]:
        line += f"; {effect['blocked_already']} more are blocked already"
    if effect["allowed"]:
        line += f"; an allowlist protects {effect['allowed']} more"
    if effect["at_least"]:
        line += f" ({effect['searched']} of {effect['searched'] + effect['unsearched']} new hashes were searched for)"
    return line


def _nothing_in(file: str) -> str:
    """Of a file without a hash that can be listed: it may have been cut off on its way here."""
    return f"{file}: there is no hash in it: nothing was listed"


def _wait_for_end(client: Client, args: argparse.Namespace, job: dict[str, Any], bar: ProgressBar) -> dict[str, Any]:
    """Wait until the job has ended and its purges are carried out. `--timeout` is the longest time without progress.

    The job goes on while no controller answers, as one that is started again.

    Raises:
        ApiUnavailable: none has answered for that time. The message names the job.
    """
    record = JobRecord(client, job["id"], args.timeout)
    last_progress, last_change = -1, time.monotonic()
    while (
        job["state"] not in (*FINAL_IMPORT_STATES, ImportState.HELD) and time.monotonic() - last_change < args.timeout
    ):
        progress = job.get("prepared", 0) + job["listed"] + job["matched"] + job.get("withdrawn", 0)
        if progress != last_progress:
            last_progress, last_change = progress, time.monotonic()
        _show_progress(job, bar)
        time.sleep(POLL_SECONDS)
        job = record.get()
    bar.end()
    if job["state"] == ImportState.DONE:
        job = record.get({"wait": "verified", "timeout": args.timeout}, wait=args.timeout)
    return job


def _show_progress(job: dict[str, Any], bar: ProgressBar) -> None:
    if not job["listed"] and job.get("prepared"):
        # All are listed together, at the end.
        bar.show("preparing", job["prepared"], job["total"], "hashes")
    elif job["listed"] < job["total"]:
        bar.show("listing", job["listed"], job["total"], "hashes")
    elif job["matched"] < job["added"]:
        bar.show("matching", job["matched"], job["added"], "hashes")
    elif job.get("withdrawn_sources") or job.get("withdrawn", 0) < job.get("withdrawals", 0):
        bar.show("withdrawing", job["withdrawn"], 0, "entries")
    else:
        bar.show("purging", job["orders"], 0, "purges")


def _status(args: argparse.Namespace, job: dict[str, Any]) -> Exit:
    if job["state"] == ImportState.FAILED:
        print_note(f"the import failed: {job['error']}")
        return Exit.FOUND
    if job["state"] == ImportState.HELD:
        print_note(job["held"]["statement"])
        print_note(f"see `edgeward held {job['id']}`; `edgeward approve {job['id']}` applies it")
        return Exit.FOUND
    is_unchanged = bool(job.get("sync", {}).get("unchanged"))
    if not job["total"] and not job.get("withdrawals") and not job.get("withdrawn_sources") and not is_unchanged:
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
