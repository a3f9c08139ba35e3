"""The working directory and the seed of long runs (chaos, fuzz, disturb)."""

import argparse
import random
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def workplace(directory: Path | None, run: str) -> Iterator[Path]:
    """`directory`, which is kept, or else a temporary one."""
    if directory:
        yield directory.absolute()
        return
    with tempfile.TemporaryDirectory(prefix=f"edgeward-{run}-") as name:
        yield Path(name)


def seeded(parser: argparse.ArgumentParser) -> argparse.Namespace:
    """Parse the options and `--seed`; without one the seed is random."""
    parser.add_argument("--seed", type=int, default=None, help="of the run to repeat (default: a random one)")
    options = parser.parse_args()
    if options.seed is None:
        options.seed = random.SystemRandom().randrange(100_000)
    return options
