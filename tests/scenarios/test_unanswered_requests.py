"""Requests that clients broke off. Those that nobody has answered take the word "gone" from no listing; those that were
answered do, until their response is judged."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from threading import Event
from typing import Any

import pytest
from tests.scenarios.aborts import breaking_off, known_gone, send, silent
from tests.scenarios.assertions import assert_no_defects
from tests.scenarios.pictures import fresh
from tests.scenarios.stacks import add_lists, stack_with_lists
from tests.support.eventually import until
from tests.support.programs import require

from edgeward.demo.caches import SERVERS, CacheServer, Nginx, Varnish
from edgeward.demo.stack import Placement, Stack

IN_FRONT: list[tuple[type[CacheServer], Placement]] = [(kind, "front") for kind in SERVERS]
SITES: list[tuple[type[CacheServer], Placement]] = [*IN_FRONT, (Varnish, "fill")]


def name_of(site: tuple[type[CacheServer], Placement]) -> str:
    return f"{site[0].driver}-{site[1]}"


@pytest.fixture(scope="module", params=SITES, ids=name_of)
def site(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Each kind of cache behind Edgeward, and one before it."""
    kind, placement = request.param
    require(kind.program)
    with Stack(tmp_path_factory.mktemp("site"), placement, kind) as stack:
        add_lists(stack)
        yield stack
        assert_no_defects(stack)


@pytest.fixture
def stack(site: Stack) -> Stack:
    """A site on which nothing is left of the test before."""
    until(lambda: site.edge.metric("edgeward_unanswered_pending") == 0)
    until(lambda: site.edge.metric("edgeward_unjudged_pending") == 0)
    return site


@pytest.fixture(params=["front", "fill"])
def placement(request: pytest.FixtureRequest) -> Placement:
    placement: Placement = request.param
    return placement


def listed(stack: Stack) -> dict[str, Any]:
    """The answer to the listing of an image that the cache holds."""
    photo = fresh()
    stack.serve(photo)
    stack.get(photo.path)
    added = stack.edge.add_image("removed", photo.body, wait=True)
    assert not stack.held(photo.path)
    return added


def receipt_of(stack: Stack, added: dict[str, Any]) -> Any:
    return stack.edge.api("GET", f"/entries/{added['entries'][0]['id']}/receipt")


@pytest.mark.timeout(120)
@pytest.mark.parametrize("path", ["/silent?{}", "/silent"])
def test_a_client_that_breaks_off_takes_the_word_from_nobody(stack: Stack, path: str) -> None:
    """However long it goes on: listings, takedowns and receipts say that all copies are gone, and how many requests
    have no answer yet."""
    with silent(stack), breaking_off(stack, path):
        until(lambda: stack.origin.count(path.format(0)))
        pending = []
        for _ in range(4):
            added = listed(stack)
            assert (known_gone(added), added["purge"]["state"]) == (True, "gone"), added["purge"]["statement"]
            receipt = receipt_of(stack, added)
            assert receipt["state"] == "gone", receipt["summary"]["statement"]
            pending.append(added["purge"]["pending"])
        # Behind the cache nothing is left of a request that a client of the cache broke off.
        assert any(pending) is (stack.placement == "front")
        taken = stack.edge.api("POST", "/takedowns?wait=verified", {"urls": ["http://photos.example/other"]})
        assert not taken["purge"]["unjudged"], taken["purge"]["statement"]


@pytest.mark.timeout(120)
@pytest.mark.parametrize("kind", [Varnish, Nginx], ids=lambda kind: kind.driver)
def test_neither_a_header_nor_a_long_time_out_takes_the_word(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: type[CacheServer]
) -> None:
    """The client sends a header that is never recorded, and one call of a purge may take longer than anybody waits."""
    monkeypatch.setattr("edgeward.demo.stack.PURGE_TIMEOUT_MS", 6000)
    require(kind.program)
    with Stack(tmp_path, "front", kind) as stack:
        add_lists(stack)
        with silent(stack), breaking_off(stack, "/silent?{}", "X-Token: 1"):
            until(lambda: stack.origin.count("/silent?0"))
            answers = [listed(stack) for _ in range(3)]
        assert all(map(known_gone, answers)), [each["purge"]["statement"] for each in answers]
        assert any(each["purge"]["pending"] for each in answers)
        assert_no_defects(stack)


# Before the cache, a request that a client of the cache breaks off ends there.
@pytest.mark.parametrize("site", IN_FRONT, ids=name_of, indirect=True)
def test_what_is_answered_at_last_is_purged_if_it_is_listed(stack: Stack) -> None:
    """The image of a pending request is listed, and then the origin answers: no copy stays."""
    photo, going_on = fresh(), Event()
    stack.origin.put(photo.path, photo.body, "image/jpeg", thought=going_on)
    try:
        with send(stack, photo.path):
            # A request of a client that leaves at once may end before it reaches the cache.
            until(lambda: stack.origin.count(photo.path), "the origin is asked")
        until(lambda: stack.edge.metric("edgeward_unanswered_pending") == 1, "it is pending")
        added = stack.edge.add_image("removed", photo.body, wait=True)
        assert known_gone(added), added["purge"]["statement"]
        assert added["purge"]["pending"]
    finally:
        going_on.set()
    until(lambda: stack.edge.metric("edgeward_unjudged_pending") == 0, "judged")
    until(lambda: not stack.held(photo.path), "purged", pause=0.05)
    assert known_gone(listed(stack))


def test_a_response_that_began_is_not_known_until_it_is_judged(tmp_path: Path) -> None:
    """The client leaves in the middle of the body, which the cache goes on fetching."""
    with stack_with_lists(tmp_path, "front") as stack:
        photo, going_on = fresh(), Event()
        stack.origin.put(photo.path, photo.body, "image/jpeg", delay=going_on)
        try:
            with send(stack, photo.path):
                until(lambda: stack.origin.count(photo.path))
                until(lambda: under_way_answered(stack), "headers")
            added = listed(stack)
            assert added["purge"]["state"] == "unknown"
            assert added["purge"]["unjudged"] == 1
            receipt = receipt_of(stack, added)
            assert receipt["state"] == "unknown"
        finally:
            going_on.set()
        until(lambda: stack.edge.metric("edgeward_unjudged_pending") == 0)
        assert known_gone(listed(stack))


def under_way_answered(stack: Stack) -> bool:
    """Whether a worker has marked a request in progress as answered."""
    directory = stack.edge.directory / "state" / "under-way"
    return any(
        each.read_bytes()[:1] == b"\0" and each.read_bytes().strip(b"\0") for each in directory.glob("*.requests")
    )


@pytest.mark.timeout(120)
@pytest.mark.parametrize("answered", [True, False])
def test_a_killed_worker_leaves_what_it_knew(tmp_path: Path, placement: Placement, answered: bool) -> None:
    """Its successor knows of the requests that were answered, and of those that nobody has answered."""
    with stack_with_lists(tmp_path, placement, {"proxy": {"workers": 1}}) as stack:
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
