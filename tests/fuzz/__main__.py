"""`make fuzz`: mutated images of every format through a real proxy. Each must get a verdict.

    python -m tests.fuzz [--seed N] [--seconds 300] [--images 10000] [--only CASE] [--directory DIR] [--stacks]

Exit status 1: an image had no verdict or a wrong one, a worker ended, its event loop paused for over 50 ms, its memory
was not given back, or Edgeward had a defect. Cases that end a hasher are named: `--seed N --only CASE` replays one.
"""

import argparse
import signal
import sys
import time
from pathlib import Path

from tests.fuzz.cases import case
from tests.fuzz.deployment import Deployment, resident
from tests.fuzz.report import Report, print_report
from tests.fuzz.sender import CaseSender, replay_alone
from tests.support.workplace import seeded, workplace

QUIET_SECONDS = 3.0
MAX_REPLAYS = 100
"""Refused cases that are replayed by themselves."""


def main() -> int:
    options = _arguments()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    with workplace(options.directory, "fuzz") as directory, Deployment(directory, stacks=options.stacks) as deployment:
        if options.only is not None:
            return _replay(deployment, directory, options.seed, options.only)
        print(f"fuzz: seed {options.seed}, {options.seconds:.0f} s for {options.images} images", flush=True)
        report = run(deployment, options.seed, options.images, options.seconds)
        print_report(report)
    return 0 if report.ok else 1


def run(deployment: Deployment, seed: int, images: int, seconds: float) -> Report:
    """At most `images` cases, in at most `seconds`."""
    workers = deployment.workers()
    deadline = time.monotonic() + seconds
    sender, half = CaseSender(deployment, seed), images // 2
    idle = sum(map(resident, workers))
    sender.run(0, half, seconds)
    halfway = sum(map(resident, workers))
    sender.run(half, images - half, deadline - time.monotonic())
    tally, reasons, restarts = sender.tally, deployment.reasons(), deployment.restarts()
    findings = list(replay_alone(deployment, seed, tally.refused[:MAX_REPLAYS]))
    time.sleep(QUIET_SECONDS)
    return Report(
        images=tally.images,
        wanted=images,
        answers=tally.answers,
        reasons=reasons,
        restarts=restarts,
        findings=findings,
        pauses=deployment.pauses(),
        idle=idle,
        halfway=halfway,
        after=sum(map(resident, workers)),
        hashers=[resident(pid) for pid in deployment.hashers()],
        ended=sorted(set(workers) - set(deployment.workers())),
        wrong=tally.wrong,
        defects=deployment.defects(),
    )


def _replay(deployment: Deployment, directory: Path, seed: int, number: int) -> int:
    """Replay one case by itself. Its body is left in the directory."""
    (directory / f"case-{number}").write_bytes(case(seed, number).body)
    (finding,) = replay_alone(deployment, seed, [number])
    print(finding)
    print(*deployment.defects(), sep="\n", end="")
    return 1 if finding.restarts or not finding.reasons else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__.partition("\n")[0])
    parser.add_argument("--seconds", type=float, default=300.0, help="time limit (default: 300)")
    parser.add_argument("--images", type=int, default=10_000, help="cases that must be done by then (default: 10000)")
    parser.add_argument("--only", type=int, metavar="CASE", help="replay one case, print its verdict, keep its bytes")
    parser.add_argument("--stacks", action="store_true", help="print where the event loop was when it paused")
    parser.add_argument(
        "--directory", type=Path, help="work there, and keep the log and the state (default: a temporary one)"
    )
    return seeded(parser)


if __name__ == "__main__":
    sys.exit(main())
