"""Requests that clients broke off, on stacks that a test breaks or has settings for: what a listing says of them."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from threading import Event

import pytest
from tests.scenarios.aborts import breaking_off, known_gone, listed, send, silent, under_way_answered
from tests.scenarios.assertions import assert_no_defects
from tests.scenarios.pictures import fresh
from tests.scenarios.stacks import add_lists, stack_with_lists
from tests.support.eventually import until
from tests.support.programs import require

from edgeward.demo.caches import CacheServer, Nginx, Varnish
from edgeward.demo.stack import Stack


@pytest.mark.timeout(120)
@pytest.mark.parametrize("kind", [Varnish, Nginx], ids=lambda kind: kind.driver)
def test_neither_a_header_nor_a_long_time_out_takes_the_word(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: type[CacheServer]
) -> None:
    """The client sends a header that is never recorded, and one call of a purge may take longer than anybody waits."""
    monkeypatch.setattr("edgeward.demo.stack.PURGE_TIMEOUT_MS", 6000)
    require(kind.program)
    with Stack(tmp_path, "front", kind, {"proxy": {"workers": 1}}) as stack:
        add_lists(stack)
        with silent(stack), breaking_off(stack, "/silent?{}", "X-Token: 1"):
            answers = [listed(stack) for _ in range(3)]
        assert all(map(known_gone, answers)), [each["purge"]["statement"] for each in answers]
        assert any(each["purge"]["pending"] for each in answers)
        assert_no_defects(stack)


@pytest.fixture(scope="module", params=["front", "fill"])
def one_worker(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A stack with one worker, which a test kills. Its successor takes its place."""
    with stack_with_lists(tmp_path_factory.mktemp("killed"), request.param, {"proxy": {"workers": 1}}) as stack:
        yield stack


@pytest.mark.timeout(120)
@pytest.mark.parametrize("answered", [True, False])
def test_a_killed_worker_leaves_what_it_knew(one_worker: Stack, answered: bool) -> None:
    """Its successor knows of the requests that were answered, and of those that nobody has answered."""
    stack = one_worker
    photo, going_on = fresh(), Event()
    pauses = {"delay": going_on} if answered else {"thought": going_on}
    stack.origin.put(photo.path, photo.body, "image/jpeg", **pauses)
    try:
        with send(stack, photo.path):
            until(lambda: stack.origin.count(photo.path))
            until(lambda: not answered or under_way_answered(stack))
            (worker,) = stack.edge.run_file["processes"]["proxy"]
            os.kill(worker, signal.SIGKILL)
        assert not known_gone(stack.edge.add_image("removed", fresh().body, wait=True)) or not answered
        until(lambda: worker not in stack.edge.run_file["processes"]["proxy"])
        # What nobody answered may be settled by now: its purge waits in the cache.
        until(lambda: not answered or stack.edge.metric("edgeward_unjudged_pending") == 1)
        until(lambda: known_gone(stack.edge.add_image("removed", fresh().body, wait=True)) is not answered)
    finally:
        going_on.set()
    until(lambda: stack.edge.metric("edgeward_unjudged_pending") == 0)
    until(lambda: known_gone(stack.edge.add_image("removed", fresh().body, wait=True)))
