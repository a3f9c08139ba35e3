"""SIGKILL under load: no listed image is ever served, every process comes back, and nothing acknowledged is lost."""

import contextlib
import os
import signal
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event

import pytest
from tests.scenarios.client_load import Load
from tests.scenarios.pictures import fresh
from tests.support.eventually import until

from edgeward.demo.edge import ApiError, Edge
from edgeward.demo.photos import Photo
from edgeward.demo.stack import Stack
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


PIDS_BY_ROLE = {
    "hasher": _hashers,
    "worker": _of_role("proxy"),
    "controller": _of_role("controller"),
    "store": _of_role("store"),
}


def _kill(edge: Edge, role: str) -> int:
    killed = PIDS_BY_ROLE[role](edge)[0]
    os.kill(killed, signal.SIGKILL)
    return killed


def _is_back(edge: Edge, role: str, killed: int) -> bool:
    """Whether another process has replaced it: there are two hashers and workers, and one of each other role."""
    now = PIDS_BY_ROLE[role](edge)
    return killed not in now and len(now) >= (2 if role in ("hasher", "worker") else 1)


def _list_new_picture(stack: Stack) -> Photo:
    """List a new picture, trying until it is accepted: while the API or the store is down, none is."""
    photo = fresh()
    stack.serve(photo)
    until(lambda: _is_accepted(stack, photo), pause=0.05)
    return photo


def _is_accepted(stack: Stack, photo: Photo) -> bool:
    with contextlib.suppress(ApiError, ApiUnavailable):
        return bool(stack.edge.add_image("removed", photo.body)["entries"])
    return False


@pytest.mark.timeout(300)
def test_each_kind_of_process_is_killed_under_load(breakable: Stack) -> None:
    """One after the other is killed while clients send requests and lists grow."""
    stack = breakable
    listed, clean = [fresh() for _ in range(3)], [fresh() for _ in range(3)]
    for photo in (*listed, *clean):
        stack.serve(photo)
    for photo in listed:
        assert stack.edge.add_image("removed", photo.body)["active"]
    accepted = list(listed)
    with Load(stack.client_address, [*listed, *clean], threads=3) as load:
        for role in PIDS_BY_ROLE:
            load.wait_for(20)
            killed = _kill(stack.edge, role)
            accepted.append(_list_new_picture(stack))
            until(lambda role=role, killed=killed: _is_back(stack.edge, role, killed), pause=0.05)
            load.wait_for(20)
    shown = [one.photo.name for one in load.served if one.photo in listed and one.shows]
    assert shown == []
    assert any(one.shows for one in load.served if one.photo in clean)
    until(lambda: all(stack.get(photo.path).status == 451 for photo in accepted), pause=0.05)
    until(lambda: all(stack.get(photo.path).body == photo.body for photo in clean), pause=0.05)
    for photo in accepted:
        until(lambda path=photo.path: not stack.held(path), pause=0.05)


def test_a_purge_that_was_accepted_survives_the_controller_and_the_store(breakable: Stack) -> None:
    """Listed while the cache is down, then controller and store are killed: the copy is purged all the same."""
    stack = breakable
    photo = fresh()
    stack.serve(photo)
    assert stack.get(photo.path).body == photo.body
    stack.cache.pause()
    try:
        added = stack.edge.add_image("removed", photo.body)
        entries = [entry["id"] for entry in added["entries"]]
        until(lambda: any(purge["owed"] for purge in stack.edge.purges_of(entries)), pause=0.01)
        for role in ("controller", "store"):
            killed = _kill(stack.edge, role)
            until(lambda role=role, killed=killed: _is_back(stack.edge, role, killed), pause=0.02)
    finally:
        stack.cache.resume()
    until(lambda: not stack.held(photo.path), pause=0.02)
    until(lambda: stack.edge.call("GET", "/lists/removed").status == 200, pause=0.05)
    until(lambda: not any(purge["owed"] for purge in stack.edge.purges_of(entries)), pause=0.05)
    assert stack.get(photo.path).status == 451


def test_a_restart_costs_nothing(breakable: Stack) -> None:
    """A slow download in progress at SIGTERM is completed, byte for byte. After a start with the same state, lists,
    entries and blocks are as they were."""
    stack = breakable
    photo, listed = fresh(), fresh()
    stack.serve(listed)
    stack.edge.add_image("removed", listed.body)
    going_on = Event()
    stack.origin.put(photo.path, photo.body, delay=going_on)
    with ThreadPoolExecutor(2) as threads:
        answer = threads.submit(stack.get, photo.path)
        try:
            until(lambda: stack.origin.count(photo.path) == 1)
            workers = set(stack.edge.run_file["processes"]["proxy"])
            stop = threads.submit(stack.edge.stop)
            # The worker without a request ends at once.
            until(lambda: len(workers & set(stack.edge.members())) == 1)
        finally:
            going_on.set()
        stop.result()
    stack.edge.start()
    assert (answer.result().status, answer.result().body) == (200, photo.body)
    assert {found["name"] for found in stack.edge.api("GET", "/lists")["lists"]} == {"removed", "cleared"}
    assert stack.get(listed.path).status == 451


def test_processes_end_with_a_killed_supervisor(breakable: Stack) -> None:
    """After its SIGKILL every process of Edgeward ends, and a new start finds everything as it was."""
    stack = breakable
    photo = fresh()
    stack.serve(photo)
    stack.edge.add_image("removed", photo.body)
    os.kill(stack.edge.process.pid, signal.SIGKILL)
    stack.edge.process.wait()
    until(lambda: stack.edge.members() == [], pause=0.05)
    stack.edge.start()
    assert stack.get(photo.path).status == 451
