"""An acknowledged listing acts in every process: no request after the acknowledgement gets the image."""

import os
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor, wait
from typing import Any

from tests.scenarios.client_load import Load
from tests.scenarios.pictures import fresh
from tests.support.eventually import until

from edgeward.demo.stack import Stack


def test_in_front_under_load(front: Stack) -> None:
    """Under load, no request sent after the answer to a listing gets the image."""
    photos = [fresh() for _ in range(8)]
    for photo in photos:
        front.serve(photo)
    acknowledged: dict[str, float] = {}
    with Load(front.client_address, photos) as load:
        load.wait_for(60)
        for photo in photos:
            assert front.edge.add_image("removed", photo.body)["active"]
            acknowledged[photo.name] = time.perf_counter()
            load.wait_for(20)
        load.wait_for(60)
    late = [one for one in load.served if one.began > acknowledged[one.photo.name]]
    early = [one for one in load.served if one.began < acknowledged[one.photo.name]]
    assert len(late) > 100
    assert [one.answer.status for one in late if one.shows] == []
    assert {one.answer.status for one in late} == {451}
    assert any(one.shows for one in early)
    assert load.failed == 0
    until(lambda: not any(front.held(photo.path) for photo in photos), pause=0.05)


def test_in_fill_under_load_for_listings_that_wait(fill: Stack) -> None:
    """The same holds behind the cache if the listing waits until every cached copy is verified gone."""
    photos = [fresh() for _ in range(6)]
    for photo in photos:
        fill.serve(photo)
    acknowledged: dict[str, float] = {}
    with Load(fill.client_address, photos) as load:
        load.wait_for(60)
        for photo in photos:
            added = fill.edge.add_image("removed", photo.body, wait=True)
            assert added["active"]
            assert not added["purge"]["owed"] | added["purge"]["refused"], added
            acknowledged[photo.name] = time.perf_counter()
            load.wait_for(20)
        load.wait_for(60)
    late = [one for one in load.served if one.began > acknowledged[one.photo.name]]
    assert len(late) > 100
    assert [one.answer.status for one in late if one.shows] == []
    assert any(one.shows for one in load.served)
    assert load.failed == 0
    assert not any(fill.held(photo.path) for photo in photos)


def _stop_a_worker(stack: Stack) -> int:
    """Freeze one of the workers, as a swapping machine or a debugger would."""
    worker: int = stack.edge.run_file["processes"]["proxy"][0]
    os.kill(worker, signal.SIGSTOP)
    return worker


def test_a_lagging_worker_delays_the_acknowledgement(front: Stack) -> None:
    """The listing is answered only when every worker has applied the entry; then that worker blocks too."""
    photo = fresh()
    front.serve(photo)
    front.get(photo.path)
    added: list[dict[str, Any]] = []
    listing = threading.Thread(target=lambda: added.append(front.edge.add_image("removed", photo.body)))
    worker = _stop_a_worker(front)
    try:
        listing.start()
        listing.join(0.7)
        assert added == []
    finally:
        os.kill(worker, signal.SIGCONT)
    listing.join()
    assert added[0]["active"]
    assert {front.get(photo.path).status for _ in range(12)} == {451}


def test_a_worker_that_was_excluded_catches_up_before_it_serves(front: Stack) -> None:
    """A listing does not wait for ever for a frozen worker, but names it; requests that waited for it are blocked."""
    photo = fresh()
    front.serve(photo)
    front.get(photo.path)
    worker = _stop_a_worker(front)
    try:
        added = front.edge.add_image("removed", photo.body)
        with ThreadPoolExecutor(16) as clients:
            answers = [clients.submit(front.get, photo.path) for _ in range(16)]
            wait(answers, 0.3)
            waiting = [answer for answer in answers if not answer.done()]
            os.kill(worker, signal.SIGCONT)
    finally:
        os.kill(worker, signal.SIGCONT)
    assert not added["active"]
    assert any(f"/proxy/{worker}#" in each["name"] for each in added["silent"])
    assert waiting, "no connection went to the frozen worker"
    assert {answer.result().status for answer in answers} == {451}
