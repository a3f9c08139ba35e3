"""`make chaos`: kill and freeze everything at random under load, and hold Edgeward to what it acknowledged.

    python -m tests.chaos [--seconds 300] [--seed N] [--directory DIR]

Exit status 1: something acknowledged was lost, a cache still holds a listed picture, or Edgeward had a defect. The seed
decides what is struck when and what clients and staff choose; what comes of it is up to the machine.
"""

import argparse
import random
import signal
import sys
import time
from pathlib import Path

from tests.chaos.book import Book
from tests.chaos.clients import Clients
from tests.chaos.inspection import Inspection
from tests.chaos.monkey import Monkey
from tests.chaos.pictures import Picture, drawn, put_up
from tests.chaos.report import Report, print_report
from tests.chaos.site import LIST, Site
from tests.chaos.staff import Staff
from tests.workplace import seeded, workplace

PICTURES = 360
NEVER_LISTED = 40


def main() -> int:
    options = _arguments()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    print(f"chaos: seed {options.seed}, {options.seconds:.0f} s", flush=True)
    with workplace(options.directory, "chaos") as directory:
        report = run(directory, options.seed, options.seconds)
        print_report(report)
    return 0 if report.ok else 1


def run(directory: Path, seed: int, seconds: float) -> Report:
    """One run from an empty directory on."""
    choices = random.Random(f"pictures {seed}")
    pictures = [drawn(number, choices) for number in range(PICTURES)]
    book = Book()
    with Site(directory) as site:
        put_up(site.origin, pictures)
        site.edge.create_list(LIST)
        clients = Clients(site.doors, pictures, book, seed)
        monkey = Monkey(site.parts, seed, seconds)
        began = time.monotonic()
        with clients, Staff(site.states, pictures[NEVER_LISTED:], book, seed):
            monkey.strike()
        print(
            f"chaos: the last blow fell {time.monotonic() - began:.0f} s after the start; waiting for quiet", flush=True
        )
        return _inspect(site, pictures, book, clients, monkey)


def _inspect(site: Site, pictures: list[Picture], book: Book, clients: Clients, monkey: Monkey) -> Report:
    inspection = Inspection(site, pictures, book, clients.asks)
    inspection.everything_up()
    quiet = inspection.wait_until_quiet()
    orders, lost = inspection.lost()
    return Report(
        blows=monkey.done,
        troubles=monkey.troubles,
        answers=clients.answers,
        variants=len({(each.number, each.variant) for each in clients.asks}),
        works=book.counts,
        promised=len(book.promised()),
        doubtful=len(book.doubtful()),
        listed=len(inspection.listed()),
        orders=orders,
        acknowledged=len(book.orders),
        takedowns=len(book.takedowns),
        quiet=quiet,
        slowest=inspection.slowest(),
        cached=inspection.cached(),
        lost=[*lost, *inspection.unfinished()],
        left=[inspection.history(copy) for copy in inspection.left()],
        surprises=book.surprises,
        wrong=inspection.wrong_answers(),
        defects=inspection.defects(),
    )


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__.partition("\n")[0])
    parser.add_argument("--seconds", type=float, default=300.0, help="how long it goes on (default: 300)")
    parser.add_argument(
        "--directory", type=Path, help="work there, and keep the logs and the store (default: a temporary one)"
    )
    return seeded(parser)


if __name__ == "__main__":
    sys.exit(main())
