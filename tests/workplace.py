"""Where a long run keeps its files, and how it is told to repeat another."""

import argparse
import random
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def workplace(directory: Path | None, run: str) -> Iterator[Path]:
    """`directory`, which is kept, or one that is not."""
    if directory:
        yield directory.absolute()
        return
    with tempfile.TemporaryDirectory(prefix=f"edgeward-{run}-") as name:
        yield Path(name)


def seeded(parser: argparse.ArgumentParser) -> argparse.Namespace:
    """The options, `--seed` among them: a new one unless it is given."""
    parser.add_argument("--seed", type=int, default=None, help="of a run that is to be repeated (default: a new one)")
    options = parser.parse_args()
    if options.seed is None:
        options.seed = random.SystemRandom().randrange(100_000)
    return options
