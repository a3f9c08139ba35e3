"""`make fuzz`: spoilt images of every format through a real proxy, each of which must end in a verdict.

    python -m tests.fuzz [--seed N] [--seconds 300] [--images 10000] [--only CASE] [--directory DIR] [--stacks]

Exit status 1: an image had no verdict or a wrong one, a worker ended, its event loop paused for over 50 ms, its memory
did not come back, or Edgeward had a defect. Cases of which a hasher ends are named: `--seed N --only CASE` plays one.
"""

import argparse
import signal
import sys
import time
from pathlib import Path

from tests.fuzz.barrage import Barrage, alone
from tests.fuzz.cases import case
from tests.fuzz.report import Report, print_report
from tests.fuzz.site import Site, resident
from tests.workplace import seeded, workplace

QUIET_SECONDS = 3.0
MOST_ALONE = 100
"""Refused cases that are played once more by themselves."""


def main() -> int:
    options = _arguments()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    with workplace(options.directory, "fuzz") as directory, Site(directory, stacks=options.stacks) as site:
        if options.only is not None:
            return _play(site, directory, options.seed, options.only)
        print(f"fuzz: seed {options.seed}, {options.seconds:.0f} s for {options.images} images", flush=True)
        report = run(site, options.seed, options.images, options.seconds)
        print_report(report)
    return 0 if report.ok else 1


def run(site: Site, seed: int, images: int, seconds: float) -> Report:
    """At most `images` cases in at most so many seconds."""
    workers = site.workers()
    deadline = time.monotonic() + seconds
    barrage, half = Barrage(site, seed), images // 2
    idle = sum(map(resident, workers))
    barrage.run(0, half, seconds)
    halfway = sum(map(resident, workers))
    barrage.run(half, images - half, deadline - time.monotonic())
    tally, reasons, restarts = barrage.tally, site.reasons(), site.restarts()
    findings = list(alone(site, seed, tally.troubled[:MOST_ALONE]))
    time.sleep(QUIET_SECONDS)
    return Report(
        images=tally.images,
        wanted=images,
        answers=tally.answers,
        reasons=reasons,
        restarts=restarts,
        findings=findings,
        pauses=site.pauses(),
        idle=idle,
        halfway=halfway,
        after=sum(map(resident, workers)),
        hashers=[resident(pid) for pid in site.hashers()],
        ended=sorted(set(workers) - set(site.workers())),
        wrong=tally.wrong,
        defects=site.defects(),
    )


def _play(site: Site, directory: Path, seed: int, number: int) -> int:
    """One case by itself. Its body is left in the directory."""
    (directory / f"case-{number}").write_bytes(case(seed, number).body)
    (finding,) = alone(site, seed, [number])
    print(finding)
    print(*site.defects(), sep="\n", end="")
    return 1 if finding.restarts or not finding.reasons else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__.partition("\n")[0])
    parser.add_argument("--seconds", type=float, default=300.0, help="at most (default: 300)")
    parser.add_argument("--images", type=int, default=10_000, help="that must be through by then (default: 10000)")
    parser.add_argument("--only", type=int, metavar="CASE", help="play one case, tell its verdict, keep its bytes")
    parser.add_argument("--stacks", action="store_true", help="tell where the event loop was when it paused")
    parser.add_argument(
        "--directory", type=Path, help="work there, and keep the log and the state (default: a temporary one)"
    )
    return seeded(parser)


if __name__ == "__main__":
    sys.exit(main())
