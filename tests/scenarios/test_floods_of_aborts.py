"""What many broken-off requests, or one that hangs, cost those who list other images."""

import time
from collections.abc import Iterator
from threading import Event
from typing import Any

import pytest
from tests.scenarios.aborts import flooding, send, silent
from tests.scenarios.pictures import fresh
from tests.scenarios.stacks import stack_with_lists
from tests.support.eventually import until

from edgeward.demo.http_client import HOST
from edgeward.demo.photos import Photo
from edgeward.demo.stack import Stack

A_SECOND = 20
HANGING = "hanging.example"


def _cached(stack: Stack) -> Photo:
    """A new image, which the cache holds."""
    photo = fresh()
    stack.serve(photo)
    stack.get(photo.path)
    return photo


def _listed(stack: Stack, photo: Photo | None = None) -> tuple[dict[str, Any], Any]:
    """The answer to the listing of an image that the cache held, and its receipt."""
    photo = photo or _cached(stack)
    added = stack.edge.add_image("removed", photo.body, wait=True)
    assert not stack.held(photo.path)
    return added["purge"], stack.edge.api("GET", f"/entries/{added['entries'][0]['id']}/receipt")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with stack_with_lists(tmp_path_factory.mktemp("floods"), "front", {"proxy": {"workers": 1}}) as site:
        yield site


@pytest.fixture
def stack(site: Stack) -> Stack:
    """The site, on which nothing is left of the test before."""
    for pending in ("unanswered", "unjudged"):
        until(lambda pending=pending: site.edge.metric(f"edgeward_{pending}_pending") == 0)
    return site


def test_a_flood_that_nobody_answers_takes_the_word_from_nobody(stack: Stack) -> None:
    """One client asks for 20 targets each second, leaves at once, and the origin is silent: listings and receipts say
    that all copies are gone, at the same host too, and how many requests have no answer yet."""
    photo = _cached(stack)

    def has_the_word() -> bool:
        # On a slow machine the cache may not show in time that it is up: then the same is listed once more.
        purge, receipt = _listed(stack, photo)
        return bool(purge["state"] == receipt["state"] == "gone" and purge["pending"])

    with silent(stack), flooding(stack, "/silent?{}", A_SECOND):
        until(lambda: stack.edge.metric("edgeward_unjudged_pending") > A_SECOND, "more than are asked at a time")
        until(has_the_word, "it is known that all copies are gone")


@pytest.fixture
def hanging(stack: Stack) -> Any:
    """The site, and what ends a response that began and hangs. Its client has left."""
    photo, going_on = fresh(), Event()
    stack.origin.put(photo.path, photo.body, "image/jpeg", delay=going_on)
    try:
        with send(stack, photo.path, host=HANGING):
            until(lambda: stack.origin.count(photo.path))
        until(lambda: stack.edge.metric("edgeward_unjudged_pending") == 1)
        # Whoever waits first may still wait for it.
        until(lambda: _listed(stack)[0]["unjudged"] == 1)
        yield stack, photo, going_on
    finally:
        going_on.set()


@pytest.mark.measures_time
def test_a_request_that_hangs_holds_up_no_wait(hanging: Any) -> None:
    """Nobody waits for it: whoever lists, takes down, purges or reads a receipt is told at once that it is not known.
    What it leaves behind is purged when it ends, whatever it shows."""
    stack, photo, going_on = hanging
    began = time.monotonic()
    purge, receipt = _listed(stack)
    stack.edge.api("POST", "/takedowns?wait=verified", {"urls": [f"http://{HOST}/other"]})
    stack.edge.api("POST", "/purges?wait=verified", {"urls": [f"http://{HOST}/other"]})
    assert time.monotonic() - began < 5.0  # each waited as long
    assert (purge["state"], purge["unjudged"], purge["pending"]) == ("unknown", 1, 0)
    assert receipt["state"] == "unknown"
    going_on.set()
    until(lambda: stack.edge.metric("edgeward_unjudged_pending") == 0)
    until(lambda: not stack.held(photo.path, Host=HANGING), "purged")
    assert _listed(stack)[0]["state"] == "gone"


def test_what_is_not_known_is_said_of_its_host(hanging: Any) -> None:
    """It may be a copy of any image, so of none is everything known, but what is known of the other hosts is said. A
    takedown or a purge of a URL concerns its host alone."""
    stack, _, _ = hanging
    purge, receipt = _listed(stack)
    for each in (purge, receipt["summary"]):
        assert (each["state"], each["known_state"]) == ("unknown", "gone")
        assert (each["unjudged_hosts"], each["unjudged_elsewhere"]) == ([HANGING], False)
        assert f"not judged yet at {HANGING}" in each["statement"]
        assert "At all other hosts: gone: every copy that Edgeward knew of" in each["statement"]
    for host, state in ((HOST, "gone"), (HANGING, "unknown")):
        photo = _cached(stack)
        stack.get(photo.path, Host=host)
        url = f"http://{host}{photo.path}"
        purged = stack.edge.api("POST", "/purges?wait=verified", {"urls": [url]})
        assert (purged["state"], purged["unjudged"]) == (state, int(state == "unknown")), purged["statement"]
        stack.get(photo.path, Host=host)
        taken = stack.edge.api("POST", "/takedowns?wait=verified", {"urls": [url]})
        assert (taken["purge"]["state"], taken["purge"]["known_state"]) == (state, "gone"), taken["purge"]["statement"]
        assert stack.edge.api("GET", f"/takedowns/{taken['id']}")["summary"]["state"] == state
