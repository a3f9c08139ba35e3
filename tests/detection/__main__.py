"""`make detection`: transform photographs, measure which are recognised, write docs/detection.md and its picture.

    python -m tests.detection [--quick] [--output FILE]

Exit status 1: a goal was missed. `--quick` uses every fifth photograph, and writes no file without --output.
"""

import argparse
import os
import sys
import time
from pathlib import Path

# numpy reads it when it is first imported. Hashers run with one thread each, too.
os.environ["OPENBLAS_NUM_THREADS"] = "1"

from tests.bench.machine_facts import facts
from tests.bench.measurement import summary, table
from tests.detection import goals, heatmap, report
from tests.detection.cpu_costs import costs
from tests.detection.experiment import FULL, QUICK, run
from tests.detection.photographs import photographs
from tests.detection.unrelated_images import unrelated_images

from edgeward.errors import EdgewardError, Exit

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "detection.md"
MACHINE = ("Processor", "Memory", "System", "Load before", "Python", "Edgeward", "pillow", "numpy", "ImageHash")
"""What of the machine matters here."""


def main() -> int:
    options = _arguments()
    began, machine = time.perf_counter(), [fact for fact in facts() if fact[0] in MACHINE]
    effort = QUICK if options.quick else FULL
    try:
        every = photographs()
        results = run([photograph for photograph in every if photograph.usable], unrelated_images(), effort)
    except EdgewardError as error:
        print(f"tests.detection: {error}", file=sys.stderr)
        return error.exit_status
    measured = costs(effort.cost_seconds)
    shown = report.of_photographs(results, every)
    held = report.goals(list(goals.rows(shown, results)))
    print(f"\n{table(held.rows)}\n\n{summary([held])} {time.perf_counter() - began:.0f} s in all.")
    if options.output:
        picture = options.output.with_suffix(".png")
        heatmap.draw("What is recognised", report.subtitle(shown), report.HEAD, report.panels(shown), picture)
        options.output.write_text(report.document(machine, held, results, measured, every))
        print(f"Written to {options.output} and {picture.name}.")
    return Exit.DONE if all(row.met is not False for row in held.rows) else Exit.FOUND


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.detection", description=__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="fewer photographs")
    parser.add_argument("--output", type=Path, help=f"write here (default: {DOCUMENT.name} in docs/ for a whole run)")
    options = parser.parse_args()
    if options.output is None and not options.quick:
        options.output = DOCUMENT
    return options


if __name__ == "__main__":
    sys.exit(main())
