"""Requests that clients broke off. Those that nobody has answered take the word "gone" from no listing; those that were
answered do, until their response is judged."""

from threading import Event
from typing import Any

import pytest
from tests.scenarios.aborts import breaking_off, known_gone, listed, send, silent, under_way_answered
from tests.scenarios.clients_that_leave.sites import IN_FRONT, SITES, name_of
from tests.scenarios.pictures import fresh
from tests.support.eventually import until

from edgeward.demo.stack import Stack


def receipt_of(stack: Stack, added: dict[str, Any]) -> Any:
    return stack.edge.api("GET", f"/entries/{added['entries'][0]['id']}/receipt")


@pytest.mark.timeout(120)
@pytest.mark.parametrize("path", ["/silent?{}", "/silent"])
def test_a_client_that_breaks_off_takes_the_word_from_nobody(stack: Stack, path: str) -> None:
    """However long it goes on: listings, takedowns and receipts say that all copies are gone, and how many requests
    have no answer yet."""
    with silent(stack), breaking_off(stack, path):
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


@pytest.mark.parametrize("site", SITES[:1], ids=name_of, indirect=True)
def test_a_response_that_began_is_not_known_until_it_is_judged(stack: Stack) -> None:
    """The client leaves in the middle of the body, which the cache goes on fetching."""
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
