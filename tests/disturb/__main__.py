"""`make disturb`: the tests that wait for something, on a machine that is made slow and uneven.

    python -m tests.disturb [--seed N] [--minutes 14] [--rounds N] [ROOM...]

Every wait looks late; threads start late, event loops stand still, threads are switched more often; processes that
tests start are stopped for moments. Rounds are played, each with the next seed, while there is time for another. Exit
status 1: a test failed. `--seed N` disturbs in the same way again; what comes of it is up to the machine.
"""

import argparse
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from tests.disturb.report import print_report, succeeded
from tests.disturb.rounds import REPORT_SECONDS, ROOT, Round, play
from tests.support.workplace import seeded, workplace

ROOMS = (
    *("scenarios", "store", "demo", "purging", "retromatch", "takedowns", "imports", "origin_check", "background"),
    *("lists", "api", "operations", "controller", "cli", "classifying", "proxy"),
)
"""Those whose tests wait for processes, threads or one another."""
ROUND_GROWTH = 1.2
"""Another round begins where that many times the length of the last one is left."""


def main() -> int:
    options = _arguments()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    print(f"disturb: seed {options.seed}, at most {options.minutes:g} minutes", flush=True)
    with workplace(None, "disturb") as directory:
        rounds = run(options.rooms, options.seed, 60 * options.minutes, options.rounds, directory)
    print_report(rounds)
    return 0 if succeeded(rounds) else 1


def run(rooms: Sequence[str], seed: int, seconds: float, most: int, directory: Path) -> list[Round]:
    """At most `most` rounds, until time is up; the first may be cut short."""
    deadline = time.monotonic() + seconds - REPORT_SECONDS
    rounds: list[Round] = []
    while not rounds or (len(rounds) < most and deadline - time.monotonic() > ROUND_GROWTH * rounds[-1].seconds):
        number = seed + len(rounds)
        rounds.append(play(rooms, number, deadline - time.monotonic(), directory / str(number)))
        if rounds[-1].cut or rounds[-1].broken:
            break
    return rounds


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.disturb", description=__doc__.partition("\n")[0])
    parser.add_argument("--minutes", type=float, default=14.0, help="at most, all rounds together (default: 14)")
    parser.add_argument("--rounds", type=int, default=100, help="at most (default: as many as there is time for)")
    parser.add_argument(
        "rooms",
        nargs="*",
        metavar="ROOM",
        default=[str(ROOT / "tests" / room) for room in ROOMS],
        help="files, directories or tests as pytest takes them (default: every room whose tests wait)",
    )
    return seeded(parser)


if __name__ == "__main__":
    sys.exit(main())
