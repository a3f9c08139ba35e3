"""A pytest plugin for disturbed runs: waits look late, tests that measure time are skipped, outcomes are written down.

It is loaded by PYTEST_PLUGINS, before any conftest and so before any test module: whoever imports `until` or
`eventually` imports the late one.
"""

import asyncio
import os
import random
import time
from collections.abc import Callable
from inspect import isawaitable
from pathlib import Path
from typing import Any

import pytest
import tests.support.eventually as waiting

import edgeward.demo.edge as edge

MAX_DELAY = 0.4
"""Seconds by which a look is late, and the test goes on late after the last."""
COLLECTED, OUTCOME = "collected", "outcome"


def late[T](wait: Callable[..., T], choices: random.Random) -> Callable[..., T]:
    """A wait of a thread whose every look is late."""

    def wait_late(holds: Callable[[], object], *arguments: Any, **options: Any) -> T:
        def look() -> object:
            time.sleep(choices.uniform(0, MAX_DELAY))
            return holds()

        waited = wait(look, *arguments, **options)
        time.sleep(choices.uniform(0, MAX_DELAY))
        return waited

    return wait_late


def late_async(wait: Callable[..., Any], choices: random.Random) -> Callable[..., Any]:
    """The same for a wait of a coroutine."""

    async def wait_late(holds: Callable[[], object], *arguments: Any, **options: Any) -> None:
        async def look() -> object:
            await asyncio.sleep(choices.uniform(0, MAX_DELAY))
            found = holds()
            return await found if isawaitable(found) else found

        await wait(look, *arguments, **options)
        await asyncio.sleep(choices.uniform(0, MAX_DELAY))

    return wait_late


def disturb_waits(seed: str) -> None:
    """Replace them where they are defined."""
    choices = random.Random(f"waits {seed}")
    waiting.until = late(waiting.until, choices)
    waiting.eventually = late_async(waiting.eventually, choices)
    edge.until = late(edge.until, choices)


if "DISTURB_SEED" in os.environ:
    disturb_waits(os.environ["DISTURB_SEED"])


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip tests that measure time, and play files in an order of the seed: a round may be cut short anywhere."""
    places: dict[Path, float] = {}
    choices = random.Random(f"files {os.environ['DISTURB_SEED']}")
    for item in items:
        places.setdefault(item.path, choices.random())
    items.sort(key=lambda item: places[item.path])
    for item in items:
        if item.get_closest_marker("measures_time"):
            item.add_marker(pytest.mark.skip(reason="measures time: says nothing in a disturbed run"))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_node_collection_finished(node: object, ids: list[str]) -> None:
    """Every worker collects the same tests; the last number that was written counts."""
    _write(COLLECTED, str(len(ids)), "")


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """In the process that hands out the tests, of every one. A failed set-up or tear-down is a failed test too."""
    if "PYTEST_XDIST_WORKER" not in os.environ and (report.when == "call" or not report.passed):
        _write(OUTCOME, report.outcome, report.nodeid)


def _write(kind: str, what: str, of: str) -> None:
    with Path(os.environ["DISTURB_OUTCOMES"]).open("a") as file:
        print(kind, what, of, file=file)
