"""Copies of responses that no client waited for, or whose body no client saw: each is purged, or said not to be known.

A cache behind Edgeward stores what it fetches although the client has left, and fetches the whole for HEAD and ranges.
"""

import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from threading import Event

import pytest
from tests.scenarios.aborts import known_gone, leave, send
from tests.scenarios.clients_that_leave.sites import IN_FRONT, name_of
from tests.scenarios.pictures import fresh
from tests.scenarios.stacks import add_lists
from tests.support.eventually import until
from tests.support.programs import require

from edgeward.demo.caches import Nginx
from edgeward.demo.http_client import ask
from edgeward.demo.origin import PROBE
from edgeward.demo.stack import Stack, host_port_of

ABORTED = 40


@pytest.fixture
def silence(request: pytest.FixtureRequest, stack: Stack) -> Iterator[tuple[str, Event]]:
    """A path of this test below which the origin does not answer until the event is set."""
    path, going_on = f"/{request.node.originalname}", Event()
    stack.origin.put(path, b"late", "text/plain", thought=going_on)
    yield path, going_on
    going_on.set()


def leave_silence(stack: Stack, path: str) -> None:
    """Clients ask for ABORTED URLs that do not answer, and hang up when the origin has all requests."""
    with ExitStack() as connections:
        for number in range(ABORTED):
            connections.enter_context(send(stack, f"{path}?{number}"))
        until(lambda: all(stack.origin.count(f"{path}?{number}") for number in range(ABORTED)))


BEHIND_VARNISH = pytest.mark.parametrize("site", IN_FRONT[:1], ids=name_of, indirect=True)
EACH_IN_FRONT = pytest.mark.parametrize("site", IN_FRONT, ids=name_of, indirect=True)


@BEHIND_VARNISH
def test_a_copy_of_a_client_that_left_among_many_that_wait(stack: Stack, silence: tuple[str, Event]) -> None:
    """Users leave URLs that do not answer, then an image after 2 ms: a listing purges the copy of the image, and says
    how many requests have no answer yet."""
    path, _ = silence
    photo = fresh()
    stack.serve(photo)
    leave_silence(stack, path)
    with send(stack, photo.path):
        until(lambda: stack.origin.count(photo.path), pause=0.001)
    until(lambda: stack.held(photo.path))
    began = time.monotonic()
    added = stack.edge.add_image("removed", photo.body, wait=True)
    assert not stack.held(photo.path)
    assert not added["purge"]["owed"] | added["purge"]["refused"]
    assert known_gone(added), added["purge"]["statement"]
    assert 0 < added["purge"]["pending"] <= ABORTED
    assert time.monotonic() - began < 29  # of 30


@BEHIND_VARNISH
def test_what_is_answered_at_last_is_known(stack: Stack, silence: tuple[str, Event]) -> None:
    """Once the origin answers, nothing is unknown any more, and the next listing says so."""
    path, going_on = silence
    leave_silence(stack, path)
    going_on.set()
    until(lambda: stack.edge.metric("edgeward_unjudged_pending") == 0)
    assert known_gone(stack.edge.add_image("removed", fresh().body, wait=True))


@EACH_IN_FRONT
def test_a_client_that_leaves_at_once(stack: Stack) -> None:
    """Whenever the client leaves: after the answer to a listing that waits, no copy is left."""
    photos = [fresh() for _ in range(10)]
    for number, photo in enumerate(photos):
        stack.serve(photo)
        leave(stack, photo.path, 0.001 * number)
    for photo in photos:
        assert known_gone(stack.edge.add_image("removed", photo.body, wait=True))
        assert not stack.held(photo.path)


@EACH_IN_FRONT
@pytest.mark.parametrize("media_type", ["application/octet-stream", "text/plain", None, "image/jpeg"])
def test_a_head_of_an_image_under_any_type(stack: Stack, media_type: str | None) -> None:
    """A cache may fetch the whole for it: a listing that waits purges that."""
    photo = fresh()
    stack.origin.put(photo.path, photo.body, media_type)
    assert ask(stack.client_address, photo.path, "HEAD").status == 200
    stack.get(photo.path, at=stack.cache)
    assert known_gone(stack.edge.add_image("removed", photo.body, wait=True))
    assert not stack.held(photo.path)


@EACH_IN_FRONT
@pytest.mark.parametrize(
    ("name", "value"),
    [("Range", "bytes=99999999-"), ("If-Match", '"another"'), ("If-Unmodified-Since", "Thu, 01 Jan 1970 00:00:00 GMT")],
    ids=["range", "if-match", "if-unmodified-since"],
)
def test_an_answer_that_a_cache_made_from_the_whole(stack: Stack, name: str, value: str) -> None:
    """A range beyond the end, and a condition that does not hold: what the cache fetched for them is known."""
    photo = fresh()
    stack.origin.put(photo.path, photo.body, "text/plain")
    ask(stack.client_address, photo.path, headers={name: value})
    assert known_gone(stack.edge.add_image("removed", photo.body, wait=True))
    assert not stack.held(photo.path)


@EACH_IN_FRONT
@pytest.mark.parametrize("status", [203, 301, 404, 410, 501])
def test_an_image_under_another_status(stack: Stack, status: int) -> None:
    """Caches store more than 200: the image is judged and its copies purged all the same."""
    photo = fresh()
    freshness = [("Cache-Control", "public, max-age=600")]
    stack.origin.put(photo.path, photo.body, "image/jpeg", status=status, headers=freshness)
    ask(stack.client_address, photo.path)
    before = stack.origin.count(photo.path)
    assert known_gone(stack.edge.add_image("removed", photo.body, wait=True))
    ask(stack.cache_address, photo.path)
    assert stack.origin.count(photo.path) == before + 1, "the cache had a copy left"


class _SlicingNginx(Nginx):
    slice_bytes = 1000


def _holds_slice(stack: Stack, path: str, first: int) -> bool:
    headers = {"Cache-Control": "only-if-cached", PROBE: "1", "Range": f"bytes={first}-{first + 9}"}
    return ask(host_port_of(stack.cache), path, headers=headers).status == 206


def test_slices_behind_a_range(tmp_path: Path) -> None:
    """An image of many slices that was asked for by ranges: every slice goes, also where the first are missing."""
    require("nginx")
    with Stack(tmp_path, "front", _SlicingNginx, {"proxy": {"workers": 1}}) as stack:
        add_lists(stack)
        photo = fresh()
        stack.serve(photo)
        assert len(photo.body) > 10_000
        stack.get(photo.path, Range="bytes=0-9")
        stack.edge.api("POST", "/purges?wait=verified", {"urls": [f"http://photos.example{photo.path}"]})
        assert not _holds_slice(stack, photo.path, 0)
        stack.get(photo.path, Range="bytes=8000-9999")
        assert [first for first in range(0, 10_000, 1000) if _holds_slice(stack, photo.path, first)] == [8000, 9000]
        assert known_gone(stack.edge.add_image("removed", photo.body, wait=True))
        assert not any(_holds_slice(stack, photo.path, first) for first in range(0, len(photo.body), 1000))


@BEHIND_VARNISH
def test_a_copy_that_a_cache_fetched_in_the_background(stack: Stack) -> None:
    """Varnish sends a stale copy within its grace, and stores another image meanwhile, which no client gets: after the
    answer to a listing of that one, no copy is left."""
    old, new = fresh(), fresh()
    stack.origin.put(old.path, old.body, "image/jpeg", max_age=1)
    assert stack.get(old.path).body == old.body
    stack.origin.put(old.path, new.body, "image/jpeg", max_age=3600)
    until(lambda: stack.get(old.path).header("age") not in (None, "0"), "a stale response", pause=0.1)
    until(lambda: stack.origin.count(old.path) == 2, "a fetch in the background")
    assert known_gone(stack.edge.add_image("removed", new.body, wait=True))
    assert not stack.held(old.path)
