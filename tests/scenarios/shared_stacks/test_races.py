"""Listings during a response: whichever comes first, the image is neither served nor cached."""

import itertools
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Self

import pytest
from tests.scenarios.pictures import fresh
from tests.support.eventually import until

from edgeward.demo.http_client import HttpResponse
from edgeward.demo.photos import Photo
from edgeward.demo.stack import Stack


@pytest.mark.parametrize("placement", ["front", "fill"])
@pytest.mark.parametrize("seen", [False, True], ids=["new", "seen before"])
def test_listed_during_its_response(request: pytest.FixtureRequest, placement: str, seen: bool) -> None:
    """The image is judged when its body is complete: the client gets 451, and the fetch leaves no cached copy."""
    stack: Stack = request.getfixturevalue(placement)
    photo = fresh()
    stack.serve(photo)
    if seen:
        assert stack.get(photo.path).body == photo.body
        stack.edge.api("POST", "/purges?wait=verified", {"urls": [f"http://photos.example{photo.path}"]})
        assert not stack.held(photo.path)
    before, going_on = stack.origin.count(photo.path), threading.Event()
    stack.origin.put(photo.path, photo.body, delay=going_on)
    with ThreadPoolExecutor(1) as client:
        answer = client.submit(stack.get, photo.path)
        try:
            until(lambda: stack.origin.count(photo.path) > before)
            assert stack.edge.add_image("removed", photo.body)["active"]
        finally:
            going_on.set()
    assert answer.result().status == 451
    until(lambda: not stack.held(photo.path))
    assert stack.get(photo.path).status == 451


class _NewUrls:
    """Clients that request one photo all the time, each time under a new URL."""

    def __init__(self, stack: Stack, photo: Photo) -> None:
        self.served: list[tuple[str, HttpResponse]] = []
        self._stack, self._photo = stack, photo
        self._numbers = itertools.count()
        self._ended = threading.Event()
        self._threads = [threading.Thread(target=self._ask) for _ in range(4)]

    def _ask(self) -> None:
        while not self._ended.is_set():
            path = f"{self._photo.path}?n={next(self._numbers)}"
            self.served.append((path, self._stack.get(path)))

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        for thread in self._threads:
            thread.join()

    def held(self, last: int) -> list[str]:
        """Which of the `last` newest URLs the cache holds, the newest first."""
        return [path for path, _ in reversed(self.served[-last:]) if self._stack.held(path)]


@pytest.mark.parametrize("_round", range(3))
def test_new_urls_during_a_listing_behind_the_cache(fill: Stack, _round: int) -> None:
    """Each fetch is a miss that may overlap the listing: after the answer to a listing that waits, none is cached."""
    photo = fresh()
    fill.serve(photo)
    with _NewUrls(fill, photo) as clients:
        until(lambda: len(clients.served) > 20)
        added = fill.edge.add_image("removed", photo.body, wait=True)
        kept = clients.held(40)
    assert added["active"]
    assert not added["purge"]["owed"] | added["purge"]["refused"], added
    assert kept == []
    assert clients.held(len(clients.served)) == []
    assert clients.served[0][1].body == photo.body
    assert clients.served[-1][1].status == 451


def test_repeated_listing_and_unlisting(front: Stack) -> None:
    """After each of many changes every worker applies the last one."""
    photo = fresh()
    front.serve(photo)
    for _ in range(10):
        added = front.edge.add_image("removed", photo.body)
        assert front.get(photo.path).status == 451
        for entry in added["entries"]:
            front.edge.api("DELETE", f"/entries/{entry['id']}")
        assert front.get(photo.path).body == photo.body
