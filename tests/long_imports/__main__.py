"""`make million`: a million hashes are imported and rolled back while photographs are served.

python -m tests.long_imports [--rows N]
"""

import argparse
import sys
import tempfile
from pathlib import Path

from tests.long_imports.long_import import play

WORKERS = 4


def main() -> int:
    """Play it, and print what it took."""
    parser = argparse.ArgumentParser(prog="python -m tests.long_imports", description=__doc__.partition("\n")[0])
    parser.add_argument("--rows", type=int, default=1_000_000)
    rows = parser.parse_args().rows
    with tempfile.TemporaryDirectory(prefix="edgeward-long-imports-") as name:
        played = play(Path(name), rows, {"proxy": {"workers": WORKERS}})
    print(f"{rows:,} hashes were imported in {played.imported:.1f} s, and rolled back in {played.rolled_back:.1f} s.")
    print(f"{played.answers:,} answers to clients meanwhile, the longest after {1000 * played.longest:.0f} ms:")
    print("nothing listed was delivered once the import was acknowledged, and nothing else was refused.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
