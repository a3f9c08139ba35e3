"""`make chaos`: kill and freeze everything at random under load, and hold Edgeward to what it acknowledged.

    python -m tests.chaos [--seconds 300] [--seed N] [--directory DIR] [--without KIND]

Exit status 1: something acknowledged was lost, a cache still holds a listed picture, or Edgeward had a defect. The seed
decides which component fails when, and what clients and operators choose; what comes of it is up to the machine.
"""

import argparse
import random
import signal
import sys
import time
from collections.abc import Set
from contextlib import ExitStack
from pathlib import Path

from tests.chaos.admin_client import AdminClient
from tests.chaos.clients import KINDS, Clients
from tests.chaos.data_loss import DataLoss, can_refill
from tests.chaos.deployment import LIST, Deployment
from tests.chaos.expected_state import ExpectedState
from tests.chaos.fault_injection import FaultInjector
from tests.chaos.inspection import Inspection
from tests.chaos.operators import Operators
from tests.chaos.pictures import Picture, drawn, serve
from tests.chaos.report import Report, print_report
from tests.chaos.unreliable_origin import UnreliableOrigin
from tests.support.workplace import seeded, workplace

PICTURES = 360
NEVER_LISTED = 40
OPTIONAL = (*KINDS, "origin", "loss")
"""What --without leaves out: kinds of requests, moods of the origin, the loss of the store's data."""


def main() -> int:
    options = _arguments()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    print(f"chaos: seed {options.seed}, {options.seconds:.0f} s", flush=True)
    with workplace(options.directory, "chaos") as directory:
        report = run(directory, options.seed, options.seconds, set(OPTIONAL) - set(options.without))
        print_report(report)
    return 0 if report.ok else 1


def run(directory: Path, seed: int, seconds: float, kinds: Set[str] = frozenset(OPTIONAL)) -> Report:
    """One run, in an empty directory. `kinds`: those of OPTIONAL that it has."""
    choices = random.Random(f"pictures {seed}")
    pictures = [drawn(number, choices) for number in range(PICTURES)]
    expected, origin = ExpectedState(), UnreliableOrigin(seed)
    with Deployment(directory, origin) as deployment:
        serve(origin, pictures)
        deployment.edge.create_list(LIST)
        clients = Clients(deployment.proxies, pictures, expected, seed, kinds)
        injector = FaultInjector(deployment.components, seed, seconds)
        operators = Operators(deployment.state_dirs, pictures[NEVER_LISTED:], expected, seed)
        began = time.monotonic()
        if "origin" in kinds:
            origin.begin()
        with clients, operators, ExitStack() as stack:
            if "loss" in kinds and can_refill():
                admin = AdminClient(deployment.state_dirs, random.Random(f"loss {seed}"))
                stack.enter_context(DataLoss(deployment, injector, operators, expected, admin, seconds / 2))
            injector.run()
        origin.end()
        seconds = time.monotonic() - began
        print(f"chaos: the last fault ended {seconds:.0f} s after the start; waiting for all work to end", flush=True)
        return _inspect(deployment, pictures, expected, clients, injector)


def _inspect(
    deployment: Deployment, pictures: list[Picture], expected: ExpectedState, clients: Clients, injector: FaultInjector
) -> Report:
    inspection = Inspection(deployment, pictures, expected, clients.requests)
    inspection.wait_until_up()
    quiet_seconds = inspection.wait_until_quiet()
    orders, lost = inspection.lost()
    return Report(
        faults=injector.injected,
        failed_starts=injector.failed_starts,
        answers=clients.answers,
        variants=len({(each.number, each.variant) for each in clients.requests}),
        actions=expected.counts,
        acknowledged_listings=len(expected.acknowledged_listings()),
        in_doubt=len(expected.in_doubt()),
        listed=len(inspection.listed()),
        orders=orders,
        acknowledged_orders=len(expected.orders),
        takedowns=len(expected.takedowns),
        quiet_seconds=quiet_seconds,
        slowest_seconds=inspection.slowest_seconds(),
        cached=inspection.cached(),
        lost=[*lost, *inspection.unfinished()],
        left=[inspection.history(copy) for copy in inspection.left()],
        violations=expected.violations,
        wrong=inspection.wrong_answers(),
        defects=inspection.defects(),
    )


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__.partition("\n")[0])
    parser.add_argument(
        "--seconds", type=float, default=300.0, help="of faults, without the checks at the end (default: 300)"
    )
    parser.add_argument(
        "--directory", type=Path, help="work there, and keep the logs and the store (default: a temporary one)"
    )
    parser.add_argument(
        "--without", action="append", default=[], choices=OPTIONAL, help="leave out, to find a cause (repeatable)"
    )
    return seeded(parser)


if __name__ == "__main__":
    sys.exit(main())
