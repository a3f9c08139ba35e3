"""Listings that cross a response on its way: whichever comes first, the image is neither served nor kept."""

import itertools
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Self

import pytest
from tests.scenarios.pictures import fresh

from edgeward.demo.answer import Answer
from edgeward.demo.edge import until
from edgeward.demo.photos import Photo
from edgeward.demo.stage import Stage


@pytest.mark.parametrize("placement", ["front", "fill"])
@pytest.mark.parametrize("seen", [False, True], ids=["new", "seen before"])
def test_listed_while_its_body_is_on_the_way(request: pytest.FixtureRequest, placement: str, seen: bool) -> None:
    """The check begins when the body is whole: the client gets 451, and the fetch under way leaves no copy behind."""
    stage: Stage = request.getfixturevalue(placement)
    photo = fresh()
    stage.serve(photo)
    if seen:
        assert stage.get(photo.path).body == photo.body
        stage.edge.api("POST", "/purges?wait=verified", {"urls": [f"http://photos.example{photo.path}"]})
        assert not stage.held(photo.path)
    before, going_on = stage.origin.count(photo.path), threading.Event()
    stage.origin.put(photo.path, photo.body, delay=going_on)
    with ThreadPoolExecutor(1) as client:
        answer = client.submit(stage.get, photo.path)
        try:
            until(lambda: stage.origin.count(photo.path) > before)
            assert stage.edge.add_image("removed", photo.body)["active"]
        finally:
            going_on.set()
    assert answer.result().status == 451
    until(lambda: not stage.held(photo.path))
    assert stage.get(photo.path).status == 451


class _NewUrls:
    """Clients that ask for one photo without pause, each time under a URL that nobody has used."""

    def __init__(self, stage: Stage, photo: Photo) -> None:
        self.served: list[tuple[str, Answer]] = []
        self._stage, self._photo = stage, photo
        self._numbers = itertools.count()
        self._ended = threading.Event()
        self._threads = [threading.Thread(target=self._ask) for _ in range(4)]

    def _ask(self) -> None:
        while not self._ended.is_set():
            path = f"{self._photo.path}?n={next(self._numbers)}"
            self.served.append((path, self._stage.get(path)))

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        for thread in self._threads:
            thread.join()

    def held(self, last: int) -> list[str]:
        """Which of the last so many URLs the cache holds, the newest first."""
        return [path for path, _ in reversed(self.served[-last:]) if self._stage.held(path)]


@pytest.mark.parametrize("_round", range(3))
def test_new_urls_of_an_image_that_is_listed_behind_the_cache(fill: Stage, _round: int) -> None:
    """Each fetch is a miss that may cross the listing: none is kept once a listing that waits is answered."""
    photo = fresh()
    fill.serve(photo)
    with _NewUrls(fill, photo) as clients:
        until(lambda: len(clients.served) > 20)
        added = fill.edge.add_image("removed", photo.body, wait=True)
        kept = clients.held(40)
    assert added["active"]
    assert not any(added["purge"]["owed"].values()), added
    assert kept == []
    assert clients.held(len(clients.served)) == []
    assert clients.served[0][1].body == photo.body
    assert clients.served[-1][1].status == 451


def test_a_listing_and_its_withdrawal_by_many_hands(front: Stage) -> None:
    """Lists that change without pause leave every worker with the last word."""
    photo = fresh()
    front.serve(photo)
    for _ in range(10):
        added = front.edge.add_image("removed", photo.body)
        assert front.get(photo.path).status == 451
        for entry in added["entries"]:
            front.edge.api("DELETE", f"/entries/{entry['id']}")
        assert front.get(photo.path).body == photo.body
