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
from functools import partial
from pathlib import Path

from tests.chaos.admin_client import AdminClient
from tests.chaos.clients import KINDS, Clients
from tests.chaos.components import Component
from tests.chaos.data_loss import DataLoss, can_refill
from tests.chaos.deployment import KINDS as COMPONENTS
from tests.chaos.deployment import LIST, Deployment
from tests.chaos.expected_state import ExpectedState
from tests.chaos.fault_injection import FaultInjector
from tests.chaos.inspection import Inspection
from tests.chaos.operators import Operators
from tests.chaos.pictures import Picture, drawn, serve
from tests.chaos.report import Report, print_report
from tests.chaos.unreliable_origin import UnreliableOrigin
from tests.chaos.waiting_clients import WithWaitingClients
from tests.support.workplace import seeded, workplace

PICTURES = 360
NEVER_LISTED = 40
OPTIONAL = (*KINDS, *COMPONENTS, "origin", "loss", "restore", "crowds")
"""What --without leaves out: kinds of requests, kinds of components that fail, moods of the origin, the loss of the
store's data, an older copy of them, and the clients that wait at a frozen proxy."""
OLDER_SHARE = 0.1
"""The copy of the store's data is older by this share of the run."""


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
    with Deployment(directory, origin, seed, kinds) as deployment:
        serve(origin, pictures)
        deployment.edge.create_list(LIST)
        clients = Clients(deployment.proxies, pictures, expected, seed, kinds)
        components = {
            **deployment.components,
            **(_with_waiting(deployment, clients, seed) if "crowds" in kinds else {}),
        }
        injector = FaultInjector(components, seed, seconds)
        operators = Operators(deployment.state_dirs, pictures[NEVER_LISTED:], expected, seed)
        began = time.monotonic()
        if "origin" in kinds:
            origin.begin()
        with clients, operators, ExitStack() as stack:
            for kind, at, older_by in (("loss", 0.4, 0.0), ("restore", 0.7, OLDER_SHARE)):
                if kind in kinds and can_refill():
                    admin = AdminClient(deployment.state_dirs, random.Random(f"{kind} {seed}"))
                    loss = DataLoss(deployment, injector, operators, expected, admin, at * seconds, older_by * seconds)
                    stack.enter_context(loss)
            injector.run()
        origin.end()
        seconds = time.monotonic() - began
        print(f"chaos: the last fault ended {seconds:.0f} s after the start; waiting for all work to end", flush=True)
        return _inspect(deployment, pictures, expected, clients, injector)


def _with_waiting(deployment: Deployment, clients: Clients, seed: int) -> dict[str, Component]:
    """The components with a proxy, each with clients that wait while it is frozen."""
    first, second, third = deployment.proxies
    proxies = {"worker a1": first, "worker a2": first, "proxy b": second, "proxy c": third}
    return {
        name: WithWaitingClients(deployment.components[name], partial(clients.request_listed, proxy), seed)
        for name, proxy in proxies.items()
    }


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
