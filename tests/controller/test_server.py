"""The controller process from start to end."""

import asyncio
import os
import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from tests.support.controllers import RunningController, listens, settings
from tests.support.edges import with_store
from tests.support.eventually import until
from tests.support.programs import free_port, require

from edgeward.errors import ConfigError, LaterRelease, StoreUnavailable
from edgeward.listening_sockets import ADMIN_FD
from edgeward.lists.list_store import ListStore
from edgeward.operations import status, store_watch
from edgeward.settings.config import Config
from edgeward.store.connection import Store
from edgeward.store.layout import LAYOUT_KEY
from edgeward.types import Entry, HashList, Signal

DURABLE = ("--save", "", "--appendonly", "yes", "--appendfsync", "always")


@contextmanager
def own_redis(directory: Path) -> Iterator[None]:
    """A redis-server on directory/s. It is killed on exit, and its data survive."""
    socket_path = directory / "s"
    socket_path.unlink(missing_ok=True)
    command = [require("redis-server"), "--port", "0", "--unixsocket", socket_path, "--dir", directory]
    server = subprocess.Popen([*command, *DURABLE], stdout=subprocess.DEVNULL)
    try:
        until(lambda: listens(socket_path))
        yield
    finally:
        server.kill()
        server.wait(60)


def _start(config: Config) -> None:
    with RunningController(config):
        pass


def test_a_port_in_use_is_named(redis_url: str, tmp_path: Path) -> None:
    """The error names the setting and the address, and nothing was started."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        address = f"127.0.0.1:{other.getsockname()[1]}"
        with pytest.raises(ConfigError, match=rf"admin\.listen.*{address}"):
            _start(settings(redis_url, tmp_path, admin={"listen": address}))
    assert not (tmp_path / "api.json").exists()


def test_a_store_that_is_unreachable_at_the_start_is_named(tmp_path: Path) -> None:
    """A controller that can't reach its store ends, and releases its port."""
    port = free_port()
    config = settings(f"unix://{tmp_path}/none", tmp_path, admin={"listen": f"127.0.0.1:{port}"})
    with pytest.raises(StoreUnavailable, match="none"):
        _start(config)
    socket.create_server(("127.0.0.1", port)).close()


def test_it_leaves_nothing_behind(redis_url: str, tmp_path: Path) -> None:
    """After it ends there is no api.json, no listening port and no hasher."""
    before = _children()
    with RunningController(settings(redis_url, tmp_path)) as running:
        url = running.api.url
        assert _children() - before
    assert not running.access_file.exists()
    assert _children() == before
    host, _, port = url.removeprefix("http://").partition(":")
    with socket.socket() as probe:
        assert probe.connect_ex((host, int(port))) != 0


def test_an_inherited_socket_is_served(redis_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The supervisor's socket stays open over a restart, and api.json has its address."""
    with socket.create_server(("127.0.0.1", 0)) as inherited:
        monkeypatch.setenv(ADMIN_FD, str(os.dup(inherited.fileno())))
        with RunningController(settings(redis_url, tmp_path)) as running:
            assert running.api.url == f"http://127.0.0.1:{inherited.getsockname()[1]}"
            assert running.api.get("/lists").status == 200


def test_it_outlives_the_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """While the store is away the lists still act. Whatever needs the store is 503 until it is back."""
    monkeypatch.setattr(status, "AWAY_SECONDS", 0.7)
    config = settings(f"unix://{tmp_path}/s", tmp_path)
    text = "md5:" + "6" * 32
    with ExitStack() as stack:
        with own_redis(tmp_path):
            api = stack.enter_context(RunningController(config)).api
            api.post("/lists", {"name": "durable"})
            api.post("/lists/durable/entries", {"hashes": [text]})
            operator = api.as_(api.post("/tokens", {"name": "ana", "role": "operator"}).json["token"])
        until(lambda: api.get("/readyz").json["store"] == "away")
        ready = api.get("/readyz")
        assert (ready.status, ready.json["ready"]) == (200, True)
        assert ready.json["contact_age_seconds"] > 0.7
        assert "the store is unavailable" in ready.json["reasons"][0]
        assert api.post("/check", {"hash": text}).json["decision"] == "block"
        for answer in (api.get("/lists"), operator.post("/check", {"hash": text}), api.get("/status")):
            assert (answer.status, answer.json["type"]) == (503, "urn:edgeward:problem:store-unavailable")
        stack.enter_context(own_redis(tmp_path))
        until(lambda: operator.get("/lists").status == 200)
        until(lambda: api.get("/readyz").json["store"] == "connected")
        assert operator.post("/check", {"hash": text}).json["decision"] == "block"


def test_it_answers_while_the_lists_load(redis_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """During a long load /healthz answers 200, and /readyz and the API 503 until the lists are loaded."""
    config = settings(redis_url, tmp_path)

    async def fill(store: Store) -> None:
        list_store = ListStore(store)
        await list_store.create_list(HashList("long"), "test")
        entries = [Entry("long", Signal("sha1", f"{number:040x}")) for number in range(1, 51)]
        await list_store.add_entries(entries, "test")

    with_store(config, fill)
    gate, lists_of = threading.Event(), ListStore.lists

    async def delayed(list_store: ListStore) -> list[HashList]:
        await asyncio.to_thread(gate.wait, 60)
        return await lists_of(list_store)

    monkeypatch.setattr(ListStore, "lists", delayed)
    running = RunningController(config)
    running.start()
    try:
        api = running.api
        early, lists = api.get("/readyz"), api.get("/lists")
        assert (early.status, early.json["reasons"]) == (503, ["the lists are not loaded"])
        assert (lists.status, lists.json["type"]) == (503, "urn:edgeward:problem:unavailable")
        assert api.get("/healthz").status == 200
        gate.set()
        until(running.is_ready)
        assert api.get("/readyz").json["version"] == 51
        assert api.get("/lists/long").json["entries"] == 50
    finally:
        gate.set()
        running.stop()


def test_no_token_and_no_hash_reaches_the_log(redis_url: str, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """More people can read logs than lists."""
    caplog.set_level("INFO")
    with RunningController(settings(redis_url, tmp_path)) as running:
        running.api.post("/lists", {"name": "quiet"})
        running.api.post("/lists/quiet/entries", {"hashes": ["md5:" + "a1" * 16]})
        running.api.post("/purges", {"urls": ["http://photos.example/quiet.jpg"]})
        token = running.api.token
    assert "controller ready" in caplog.text
    for secret in (token, "a1" * 16, "quiet.jpg"):
        assert secret not in caplog.text


def _children() -> set[int]:
    """Live child processes of this process."""
    children = set()
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, parent = stat.read_text().rpartition(")")[2].split()[:2]
        except OSError:
            continue
        if int(parent) == os.getpid() and state != "Z":
            children.add(int(stat.parent.name))
    return children


def test_a_store_that_a_later_release_makes_its_own_ends_a_controller(
    redis_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the sentence that it would refuse it with at the start."""
    monkeypatch.setattr(store_watch, "WATCH_SECONDS", 0.05)
    running = RunningController(settings(redis_url, tmp_path))
    running.start()
    until(running.is_ready)
    with_store(running.config, lambda store: store.redis.hset(store.key(*LAYOUT_KEY), "needs", 2))
    until(lambda: running.error is not None)
    assert isinstance(running.error, LaterRelease)
    assert "upgrade this one" in str(running.error)
    assert not running.access_file.exists()
