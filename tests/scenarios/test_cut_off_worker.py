"""A worker that the store has not heard from for longer than a lease: frozen, or with its link to the store cut."""

import os
import signal
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.scenarios.assertions import assert_no_defects
from tests.scenarios.pictures import fresh
from tests.scenarios.stacks import add_lists, stack_with_lists
from tests.support.controllers import Api, RunningController
from tests.support.eventually import until
from tests.support.pausing_proxy import PausingProxy
from tests.support.programs import require

from edgeward.demo.http_client import HOST, ask
from edgeward.demo.stack import Stack
from edgeward.settings.config import Config

CLIENTS = 60
FROZEN_SECONDS = 4.0
"""Longer than a lease, and than a worker waits for an answer of the store."""


@pytest.fixture
def link(redis_url: str) -> Iterator[PausingProxy]:
    with PausingProxy(redis_url) as proxy:
        yield proxy


@pytest.fixture
def fill(link: PausingProxy, tmp_path: Path) -> Iterator[Stack]:
    """client -> Varnish -> Edgeward with one worker -> origin, with its store behind the link."""
    require("varnishd")
    settings = {
        "proxy": {"workers": 1},
        "store": {"url": link.url, "namespace": "cut-off", "timeout_ms": 2_000},
        "sweep": {"enabled": False},
    }
    with Stack(tmp_path / "stack", "fill", settings=settings) as stack:
        add_lists(stack)
        yield stack
        link.resume()
        assert_no_defects(stack)


@pytest.fixture
def elsewhere(fill: Stack, redis_url: str, tmp_path: Path) -> Iterator[Api]:
    """Another machine's controller, for the same caches and with a link of its own to the same store."""
    settings = fill.settings({"purge": {"repeat_seconds": []}})  # a repeat would purge the copy too
    store = {"url": redis_url, "namespace": "cut-off", "timeout_ms": 20_000}
    config = Config.model_validate(
        {**settings, "state_dir": str(tmp_path / "other"), "store": store, "admin": {"listen": "127.0.0.1:0"}}
    )
    with RunningController(config) as controller:
        yield controller.api


def test_what_a_cut_off_worker_let_into_a_cache_is_purged_when_it_is_back(
    fill: Stack, elsewhere: Api, link: PausingProxy
) -> None:
    """It knew the image and its target well. It was listed and purged elsewhere, while the worker could not hear of it;
    then the worker let it through, and the cache stored it."""
    photo = fresh()
    fill.serve(photo)
    for _ in range(3):
        assert ask(fill.edge.proxy, photo.path).status == 200
    assert fill.get(photo.path).status == 200
    until(lambda: any(photo.path in each["url"] for each in elsewhere.get("/sightings").json["sightings"]))
    link.pause()
    until(lambda: len(elsewhere.get("/status").json["replicas"]) == 1, "the others count as dead")
    listed = elsewhere.post("/lists/removed/entries", photo.body, wait="verified", timeout=30).json
    assert listed["purge"]["orders"] >= 1
    assert not fill.held(photo.path)
    assert fill.get(photo.path).status == 200
    assert fill.held(photo.path)
    link.resume()
    until(lambda: not fill.held(photo.path), "the copy is purged", pause=0.1)
    assert fill.get(photo.path).status == 451
    receipt = elsewhere.get(f"/entries/{listed['entries'][0]['id']}/receipt").json
    assert "match" in {each["cause"] for each in receipt["purges"]}


def test_a_frozen_worker_serves_nobody_what_was_listed_meanwhile(tmp_path: Path) -> None:
    """However many clients wait for it when it wakes: it judges none of them before it has applied the listing. It was
    frozen for so long that it connects to the store anew."""
    photo = fresh()
    settings = {"proxy": {"workers": 1}, "store": {"timeout_ms": 1000}}
    with stack_with_lists(tmp_path, "front", settings) as stack:
        stack.serve(photo)
        assert stack.get(photo.path).status == 200
        (worker,) = stack.edge.run_file["processes"]["proxy"]
        os.kill(worker, signal.SIGSTOP)
        began = time.monotonic()
        try:
            (silent,) = stack.edge.add_image("removed", photo.body)["silent"]
            assert f"/proxy/{worker}#" in silent["name"]
            host, _, port = stack.client_address.rpartition(":")
            clients = [socket.create_connection((host, int(port)), 60) for _ in range(CLIENTS)]
            for client in clients:
                client.sendall(f"GET {photo.path} HTTP/1.1\r\nHost: {HOST}\r\nConnection: close\r\n\r\n".encode())
            until(lambda: time.monotonic() > began + FROZEN_SECONDS)
        finally:
            os.kill(worker, signal.SIGCONT)
        statuses = {_status(client) for client in clients}
    assert statuses == {"451"}


def _status(client: socket.socket) -> str:
    with client, client.makefile("rb") as answer:
        return answer.readline().split()[1].decode()
