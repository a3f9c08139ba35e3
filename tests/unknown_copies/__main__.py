"""Random sequences of requests through real caches. When all their images are listed, no cache may serve one.

    python -m tests.unknown_copies [--seed N] [--sequences 20000] [--only NUMBER] [--site "varnish, front"]

Exit status 1: a copy was left, and its receipt said that none was.
"""

import argparse
import signal
import sys
from pathlib import Path

from tests.support.workplace import seeded, workplace
from tests.unknown_copies.origin import SequenceOrigin
from tests.unknown_copies.requests import sequence
from tests.unknown_copies.resources import resource
from tests.unknown_copies.round import RoundResult, run_round
from tests.unknown_copies.site import CACHES, Site

from edgeward.demo.caches import CacheServer

ROUND = 850
PLACEMENTS = ("front", "fill")


def main() -> int:
    options = _arguments()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    sites = [(kind, placement) for kind in CACHES for placement in PLACEMENTS]
    if options.site:
        sites = [(kind, placement) for kind, placement in sites if f"{kind.driver}, {placement}" == options.site]
    share = -(-options.sequences // len(sites))
    print(f"unknown copies: seed {options.seed}, {options.sequences} sequences", flush=True)
    unknown = 0
    with workplace(options.directory, "copies") as directory:
        for number, (kind, placement) in enumerate(sites):
            numbers = range(number * share, (number + 1) * share)
            if options.only is not None:
                numbers = range(options.only, options.only + 1)
                print(resource(options.seed, options.only), *sequence(options.seed, options.only), sep="\n")
            results = run_site(directory / f"{kind.driver}-{placement}", kind, placement, options.seed, numbers)
            unknown += sum(len(result.unknown) for result in results)
    print(f"unknown copies: {unknown}")
    return 1 if unknown else 0


def run_site(directory: Path, kind: type[CacheServer], placement: str, seed: int, numbers: range) -> list[RoundResult]:
    """Run the sequences of these numbers at one site, and print each copy that was left."""
    results = []
    with SequenceOrigin(seed) as origin, Site(directory, placement, kind, origin.port) as site:
        for start in range(numbers.start, numbers.stop, ROUND):
            result = run_round(site, origin, seed, range(start, min(start + ROUND, numbers.stop)))
            for word, copies in (("unknown", result.unknown), ("known", result.known)):
                for copy in copies:
                    print(f"{site.name}: {word}: {copy}", flush=True)
            results.append(result)
        stored, unknown = sum(each.stored for each in results), sum(len(each.unknown) for each in results)
        known = sum(len(each.known) for each in results)
        print(
            f"{site.name}: {len(numbers)} sequences, {stored} stored, {unknown} unknown copies, {known} known",
            flush=True,
        )
    return results


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.unknown_copies", description=__doc__.partition("\n")[0])
    parser.add_argument("--sequences", type=int, default=20_000, help="how many (default: 20000)")
    parser.add_argument("--only", type=int, metavar="NUMBER", help="run this sequence by itself")
    parser.add_argument("--site", help='one site, for example "varnish, front" (default: all)')
    parser.add_argument("--directory", type=Path, help="work there, and keep logs and state (default: a temporary one)")
    return seeded(parser)


if __name__ == "__main__":
    sys.exit(main())
