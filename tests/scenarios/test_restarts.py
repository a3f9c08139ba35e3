"""SIGKILL under load: no listed image is ever served, what was killed comes back, and nothing accepted is lost."""

import contextlib
import os
import signal
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event

import pytest
from tests.scenarios.load import Load
from tests.scenarios.pictures import fresh

from edgeward.demo.edge import ApiError, Edge, until
from edgeward.demo.photos import Photo
from edgeward.demo.stage import Stage
from edgeward.errors import ApiUnavailable


def _hashers(edge: Edge) -> list[int]:
    """The children of the proxy workers."""
    workers = set(edge.run_file["processes"]["proxy"])
    return [pid for pid in edge.members() if _parent(pid) in workers]


def _parent(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    except OSError:
        return 0


def _of_role(role: str) -> Callable[[Edge], list[int]]:
    def pids(edge: Edge) -> list[int]:
        found = edge.run_file["processes"][role]
        return found if isinstance(found, list) else [found] if found else []

    return pids


KILLED = {
    "hasher": _hashers,
    "worker": _of_role("proxy"),
    "controller": _of_role("controller"),
    "store": _of_role("store"),
}


def _kill(edge: Edge, role: str) -> int:
    victim = KILLED[role](edge)[0]
    os.kill(victim, signal.SIGKILL)
    return victim


def _is_back(edge: Edge, role: str, victim: int) -> bool:
    """Another process has taken the victim's place: two hashers and workers, one of the others."""
    now = KILLED[role](edge)
    return victim not in now and len(now) >= (2 if role in ("hasher", "worker") else 1)


def _list_newcomer(stage: Stage) -> Photo:
    """List a new picture, trying until it is accepted: while the API or the store is away nothing is promised."""
    photo = fresh()
    stage.serve(photo)
    until(lambda: _is_accepted(stage, photo), pause=0.05)
    return photo


def _is_accepted(stage: Stage, photo: Photo) -> bool:
    with contextlib.suppress(ApiError, ApiUnavailable):
        return bool(stage.edge.add_image("removed", photo.body)["entries"])
    return False


@pytest.mark.timeout(300)
def test_each_kind_of_process_is_killed_under_load(breakable: Stage) -> None:
    """One after the other is killed again and again while clients ask and lists grow."""
    stage = breakable
    listed, clean = [fresh() for _ in range(3)], [fresh() for _ in range(3)]
    for photo in (*listed, *clean):
        stage.serve(photo)
    for photo in listed:
        assert stage.edge.add_image("removed", photo.body)["active"]
    accepted = list(listed)
    with Load(stage.door, [*listed, *clean], threads=3) as load:
        for role in KILLED:
            load.wait_for(20)
            victim = _kill(stage.edge, role)
            accepted.append(_list_newcomer(stage))
            until(lambda role=role, victim=victim: _is_back(stage.edge, role, victim), pause=0.05)
            load.wait_for(20)
    shown = [one.photo.name for one in load.served if one.photo in listed and one.shows]
    assert shown == []
    assert any(one.shows for one in load.served if one.photo in clean)
    until(lambda: all(stage.get(photo.path).status == 451 for photo in accepted), pause=0.05)
    until(lambda: all(stage.get(photo.path).body == photo.body for photo in clean), pause=0.05)
    for photo in accepted:
        until(lambda path=photo.path: not stage.held(path), pause=0.05)


def test_a_purge_that_was_accepted_survives_the_controller_and_the_store(breakable: Stage) -> None:
    """Listed while the cache is away, then controller and store are killed: the copy is purged all the same."""
    stage = breakable
    photo = fresh()
    stage.serve(photo)
    assert stage.get(photo.path).body == photo.body
    stage.cache.pause()
    try:
        added = stage.edge.add_image("removed", photo.body)
        entries = [entry["id"] for entry in added["entries"]]
        until(lambda: any(purge["owed"] for purge in stage.edge.purges_of(entries)), pause=0.01)
        for role in ("controller", "store"):
            victim = _kill(stage.edge, role)
            until(lambda role=role, victim=victim: _is_back(stage.edge, role, victim), pause=0.02)
    finally:
        stage.cache.resume()
    until(lambda: not stage.held(photo.path), pause=0.02)
    until(lambda: stage.edge.call("GET", "/lists/removed").status == 200, pause=0.05)
    until(lambda: not any(purge["owed"] for purge in stage.edge.purges_of(entries)), pause=0.05)
    assert stage.get(photo.path).status == 451


def test_everything_is_still_there_after_a_restart(breakable: Stage) -> None:
    """Stopped with SIGTERM and started again on the same state: lists, entries and blocks are as they were."""
    stage = breakable
    photo = fresh()
    stage.serve(photo)
    stage.edge.add_image("removed", photo.body)
    stage.edge.stop()
    stage.edge.start()
    assert {found["name"] for found in stage.edge.api("GET", "/lists")["lists"]} == {"removed", "cleared"}
    assert stage.get(photo.path).status == 451


def test_a_response_under_way_ends_before_a_stop(breakable: Stage) -> None:
    """SIGTERM lets a slow download come to its end, byte for byte."""
    stage = breakable
    photo = fresh()
    going_on = Event()
    stage.origin.put(photo.path, photo.body, delay=going_on)
    with ThreadPoolExecutor(2) as hands:
        answer = hands.submit(stage.get, photo.path)
        try:
            until(lambda: stage.origin.count(photo.path) == 1)
            workers = set(stage.edge.run_file["processes"]["proxy"])
            stop = hands.submit(stage.edge.stop)
            # The one that has nothing to do ends at once.
            until(lambda: len(workers & set(stage.edge.members())) == 1)
        finally:
            going_on.set()
        stop.result()
    stage.edge.start()
    assert (answer.result().status, answer.result().body) == (200, photo.body)


def test_a_killed_supervisor_takes_its_processes_with_it(breakable: Stage) -> None:
    """After its SIGKILL nothing of Edgeward goes on unwatched, and a new start finds everything as it was."""
    stage = breakable
    photo = fresh()
    stage.serve(photo)
    stage.edge.add_image("removed", photo.body)
    os.kill(stage.edge.process.pid, signal.SIGKILL)
    stage.edge.process.wait()
    until(lambda: stage.edge.members() == [], pause=0.05)
    stage.edge.start()
    assert stage.get(photo.path).status == 451
