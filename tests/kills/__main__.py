"""`make kills`: rounds of imports and undos of long lists, in each of which a process is killed (SIGKILL).

python -m tests.kills [--rounds N] [--seed N] [--directory DIR]
"""

import argparse
import asyncio
import contextlib
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from tests.kills.rounds import Rounds


def main() -> int:
    """Play the rounds. Exit status 1: the list was neither as before nor as it was to become, or something was left."""
    parser = argparse.ArgumentParser(prog="python -m tests.kills", description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=50)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--directory", type=Path, help="keep the logs here")
    options = parser.parse_args()
    with _directory(options.directory) as directory, Rounds(directory, options.seed) as rounds:
        for number in range(1, options.rounds + 1):
            print(f"{number}: {rounds.play()}", flush=True)
        left = asyncio.run(rounds.left_over(f"unix://{directory}/edge/state/store.sock"))
        log = (directory / "edge" / "edgeward.log").read_text(errors="replace")
    if left:
        print(f"data of {len(left)} batches are left: {sorted(left)}")
    if "Traceback" in log:
        print("the log has a traceback")
    return 1 if left or "Traceback" in log else 0


@contextlib.contextmanager
def _directory(given: Path | None) -> Iterator[Path]:
    if given:
        given.mkdir(parents=True, exist_ok=True)
        yield given
    else:
        with tempfile.TemporaryDirectory(prefix="edgeward-kills-") as name:
            yield Path(name)


if __name__ == "__main__":
    sys.exit(main())
