"""`--wait` and `--timeout`, and the exit status of a change.

A change is done when every live process acts on it and, with `--wait`, when every cache has verified every purge, or
accepted it where `accepted_is_enough` is set for that cache (types/outcome_words.py).
"""

import argparse
from collections.abc import Collection, Iterable, Mapping
from typing import Any

from edgeward.cli.client import Query
from edgeward.cli.output import print_note
from edgeward.cli.purge_answers import not_known, not_verified, refusals
from edgeward.errors import Exit
from edgeward.quantities import counted, not_heard_from
from edgeward.types.absent_caches import what_to_do
from edgeward.types.refused_purges import RETRIED

DEFAULT_TIMEOUT_SECONDS = 30.0


def add_wait(parser: argparse.ArgumentParser) -> None:
    """Add --wait and --timeout to a command."""
    parser.add_argument("--wait", action="store_true", help="wait until every cache has carried out every purge")
    add_timeout(
        parser,
        "with --wait: maximum time (default: 30). Caches that owe purges, refuse them, can't carry them out or only "
        "accept them (accepted_is_enough) are named, with exit status 1",
    )


def add_timeout(parser: argparse.ArgumentParser, text: str, default: float = DEFAULT_TIMEOUT_SECONDS) -> None:
    """Add --timeout to a command. `text`: what it means there."""
    parser.add_argument("--timeout", type=_seconds, default=default, metavar="SECONDS", help=text)


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds") from None
    if not 0 < seconds <= 600:
        raise argparse.ArgumentTypeError(f"{text!r} is not over 0, up to 600 seconds")
    return seconds


def wait_query(args: argparse.Namespace) -> Query:
    """The query parameters that make the API wait."""
    return {"wait": "verified", "timeout": args.timeout} if args.wait else {}


def wait_seconds(args: argparse.Namespace) -> float:
    """Extra time for the response, in seconds."""
    return float(args.timeout) if args.wait else 0.0


def not_removed(
    owed: Mapping[str, int], refused: Mapping[str, int], details: Mapping[str, str], absent: Collection[str] = ()
) -> list[str]:
    """What --wait reports: one sentence for each cache that owes purges, and one for each that refuses some.

    Args:
        owed, refused: numbers of purges by cache; the refused ones need the operator.
        details: why, by cache.
        absent: the caches that no controller has, so that nobody tries anything there.
    """
    sentences = []
    for cache in sorted({*owed, *refused} - {*absent}):
        if count := owed.get(cache, 0):
            sentences.append(f"{cache} still owes {counted(count, 'purge')}, to be retried")
        if count := refused.get(cache, 0):
            why = f" ({details[cache]})" if details.get(cache) else ", fix its access rules or credentials"
            sentences.append(f"{cache} refuses {counted(count, 'purge')}{why}; {RETRIED}")
    found = [f"{sentence}: see `edgeward purges`" for sentence in sentences]
    return [*found, *(_not_tried(cache, owed.get(cache, 0), refused.get(cache, 0)) for cache in sorted(absent))]


def _not_tried(cache: str, owed: int, refused: int) -> str:
    verbs = [f"owes {counted(owed, 'purge')}"] if owed else []
    verbs += [f"has refused {counted(refused, 'purge')}"] if refused else []
    return f"{cache} {' and '.join(verbs) or 'has not carried out every purge'}, and {what_to_do(cache)}"


def not_in_force(answer: Mapping[str, Any]) -> list[str]:
    """A sentence on the processes that have not applied a change, and on each that is not heard from. An older API does
    not say it."""
    waiting_for = answer.get("waiting_for")
    late = [f"saved, but not yet applied by {', '.join(waiting_for)}"] if waiting_for else []
    return [*late, *silent_processes(answer.get("silent", ()))]


def silent_processes(silent: Iterable[Mapping[str, Any]]) -> list[str]:
    """A sentence on each process that is not heard from, as the API names it."""
    return not_heard_from([(each["name"], each["seconds"]) for each in silent])


def status_of(answer: dict[str, Any]) -> Exit:
    """The exit status for the response to a change: DONE if it is in force, else FOUND. Prints what is missing."""
    missing = not_in_force(answer)
    purge = answer.get("purge", {})
    if not purge.get("matched", True):
        missing.append("saved, but not yet matched against all sightings")
    missing += not_removed(purge.get("owed", {}), purge.get("refused", {}), refusals(purge), purge.get("absent", ()))
    missing += [*not_verified(purge), *not_known(purge)]
    for text in missing:
        print_note(text)
    return Exit.FOUND if missing else Exit.DONE
