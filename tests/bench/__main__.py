"""`make bench`: measure side by side, print the tables, write docs/benchmarks.md.

    python -m tests.bench [--quick] [--only ROOM]... [--output FILE]

`--quick` takes ten minutes instead of forty, and writes no file without --output.
"""

import argparse
import importlib
import os
import sys
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

from tests.bench.machine_facts import facts
from tests.bench.measurement import FULL, QUICK, Section, summary, table

from edgeward.errors import EdgewardError, Exit

ROOMS = (
    *("hashing", "lookup", "big_lookup", "long_lists", "huge_lookup", "retromatching", "sightings", "front", "fill"),
    *("linger", "origin_removal", "purging", "response_parsing", "takeover", "memory"),
)
"""Modules of this package with a `measure(effort)`, in the order of the document."""
DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "benchmarks.md"


def main() -> int:
    """Measure what the arguments name. Exit status 0: all was measured, though budgets may be missed."""
    options = _arguments()
    # numpy reads it at its first import, so the rooms are imported later. Hashers run with one thread each, too.
    os.environ["OPENBLAS_NUM_THREADS"] = "1"
    started, machine = time.perf_counter(), facts()
    try:
        sections = list(_measure(options.only or ROOMS, options.quick))
    except EdgewardError as error:
        print(f"tests.bench: {error}", file=sys.stderr)
        return Exit.USER_ERROR
    print(f"\n{summary(sections)} {time.perf_counter() - started:.0f} s in all.")
    if options.output:
        options.output.write_text(_document(machine, sections))
        print(f"Written to {options.output}.")
    return Exit.DONE


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="short rounds, small lists")
    parser.add_argument("--only", action="append", choices=ROOMS, help="measure only this; may be repeated")
    parser.add_argument("--output", type=Path, help=f"write here (default: {DOCUMENT.name} in docs/ for a whole run)")
    options = parser.parse_args()
    if options.output is None and not options.quick and not options.only:
        options.output = DOCUMENT
    return options


def _measure(rooms: Sequence[str], quick: bool) -> Iterator[Section]:
    for name in rooms:
        room = importlib.import_module(f"{__package__}.{name}")
        section: Section = room.measure(QUICK if quick else FULL)
        print(f"\n{section.title}\n\n{table(section.rows)}", flush=True)
        yield section


def _document(machine: Sequence[tuple[str, str]], sections: Sequence[Section]) -> str:
    parts = [
        "# Benchmarks",
        f"Written by `make bench` on {datetime.now(UTC):%d %B %Y}. Absolute figures are of this machine; the "
        "ratios, measured side by side in one run, hold on others too. Budgets are the project's own limits.",
        summary(sections),
        "\n".join(("| | |", "|---|---|", *(f"| {name} | {value} |" for name, value in machine))),
    ]
    for section in sections:
        parts += [f"## {section.title}", section.how, table(section.rows)]
    return "\n\n".join(parts) + "\n"


if __name__ == "__main__":
    sys.exit(main())
