"""Why a store does not work, on real servers."""

import asyncio
import os
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from tests.caches.certificates import server_context
from tests.store.nodes import Credentials, Node
from tests.support.eventually import until
from tests.support.programs import free_port

from edgeward.store.probe import ProbeStep, probe


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Node]]:
    """Starts a server with some options. It is killed at the end."""
    with ExitStack() as running:
        numbers = iter(range(10))

        def start(*options: str, **more: Any) -> Node:
            node = Node(tmp_path / f"node{next(numbers)}", *options, **more)
            running.callback(node.kill)
            node.start()
            return node

        yield start


async def last_step(url: str, timeout: float = 10.0) -> ProbeStep:
    """The first failed step, else the last."""
    steps = await probe(url, "probe", timeout)
    return next((step for step in steps if step.failed), steps[-1])


async def test_a_good_server_passes_every_step(start: Callable[..., Node]) -> None:
    """Nothing is to be fixed, and no key is left for long."""
    steps = await probe(f"redis://{start().address}", "probe", 10.0)
    assert [step.check for step in steps] == ["connection", "login", "commands"]
    assert not any(step.failed for step in steps)


async def test_a_name_that_does_not_resolve() -> None:
    """It is the address, not the server."""
    step = await last_step("redis://no-such-host.invalid:6379")
    assert (step.check, "does not resolve" in step.detail) == ("address", True)


async def test_a_port_without_a_server() -> None:
    """The connection is refused; the address is named."""
    port = free_port()
    step = await last_step(f"redis://:secret@127.0.0.1:{port}")
    assert (step.check, step.detail) == ("connection", f"127.0.0.1:{port}: connection refused")


async def test_a_socket_that_is_not_there(tmp_path: Path) -> None:
    """Missing, no socket, or without a server: three things to do."""
    step = await last_step(f"unix://{tmp_path}/none")
    assert (step.check, "does not exist" in step.detail) == ("address", True)
    (tmp_path / "file").write_text("")
    step = await last_step(f"unix://{tmp_path}/file")
    assert (step.check, "is not a socket" in step.detail) == ("address", True)
    with socket.socket(socket.AF_UNIX) as unused:
        unused.bind(str(tmp_path / "stale"))
    step = await last_step(f"unix://{tmp_path}/stale")
    assert (step.check, "no server listens" in step.detail) == ("connection", True)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may use every socket")
async def test_a_socket_of_another_user(tmp_path: Path) -> None:
    """Its permissions are named."""
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(tmp_path / "s"))
        listening.listen()
        (tmp_path / "s").chmod(0)
        step = await last_step(f"unix://{tmp_path}/s")
    assert "may not use the socket" in step.detail


@pytest.mark.parametrize(
    ("options", "login", "detail"),
    [
        (("requirepass right",), "", "wants a password"),
        (("requirepass right",), ":wrong@", "refuses this"),
        (("requirepass right",), "nobody:wrong@", "refuses this user"),
        ((), ":useless@", "store.url has a password, and the server has none"),
        (("user small on >right ~* +ping +info +auth +hello +client",), "small:right@", "may not use"),
    ],
)
async def test_logins(
    tmp_path: Path, start: Callable[..., Node], options: tuple[str, ...], login: str, detail: str
) -> None:
    """No password, a wrong one, a wrong user, one too many, and one without rights differ."""
    node = start()  # without: a Node's own client has no password
    for option in options:
        name, _, value = option.partition(" ")
        if name == "user":
            node.ask("ACL", "SETUSER", *value.split(" "))
        else:
            node.ask("CONFIG", "SET", name, value)
    step = await last_step(f"redis://{login}{node.address}")
    assert step.check in ("login", "permissions")
    assert detail in step.detail
    assert "right" not in step.detail + step.fix
    assert "wrong" not in step.detail + step.fix


async def test_a_replica(start: Callable[..., Node]) -> None:
    """Its master is named."""
    master = start()
    replica = start(master=master)
    until(lambda: b"role:slave" in (replica.ask("INFO", "replication") or b"") or replica.ask("ROLE"))
    step = await last_step(f"redis://{replica.address}")
    assert step.check == "role"
    assert str(master.port) in step.detail


async def test_a_full_store(start: Callable[..., Node]) -> None:
    """It is the memory, and not the connection."""
    step = await last_step(f"redis://{start('maxmemory 100kb').address}")
    assert (step.check, "full" in step.detail) == ("memory", True)


async def test_eviction(start: Callable[..., Node]) -> None:
    """It is named though all commands work."""
    step = await last_step(f"redis://{start('maxmemory-policy allkeys-lru').address}")
    assert (step.check, "allkeys-lru" in step.detail) == ("memory", True)


async def test_a_disk_that_can_not_be_written(start: Callable[..., Node]) -> None:
    """The server refuses changes with MISCONF once a snapshot failed."""
    node = start("appendonly no", "save 1 1", "dbfilename none.rdb", "stop-writes-on-bgsave-error yes")
    (node.directory / "none.rdb").mkdir()  # a directory where the file should be
    node.ask("SET", "a", "b")
    node.ask("BGSAVE")
    until(lambda: b"err" in str(node.ask("INFO", "persistence")).encode(), "the snapshot fails")
    step = await last_step(f"redis://{node.address}")
    assert step.check == "disk"


async def test_tls(tmp_path: Path, start: Callable[..., Node]) -> None:
    """TLS where the server has none, none where it has, and a certificate that nothing vouches for."""
    _, certificate = server_context(tmp_path, "localhost")
    secured = start(credentials=Credentials(certificate, tmp_path / "key.pem", "right"))
    plain = start()
    step = await last_step(f"rediss://{plain.address}", 5.0)
    assert (step.check, "does not speak TLS" in step.detail) == ("tls", True), step
    step = await last_step(f"redis://:right@{secured.address}", 5.0)
    assert "TLS" in step.fix, step
    step = await last_step(f"rediss://:right@{secured.address}", 5.0)
    assert (step.check, "certificate" in step.detail) == ("tls", True), step


async def test_a_database_that_is_not_there(start: Callable[..., Node]) -> None:
    """The number in the URL is named as the cause."""
    step = await last_step(f"redis://{start('databases 2').address}/7")
    assert "no such database" in step.detail


async def test_a_node_of_a_cluster_and_no_cluster(start: Callable[..., Node]) -> None:
    """Each is told which kind of URL to write."""
    step = await last_step(f"redis+cluster://{start().address}")
    assert "no cluster" in step.detail, step
    node = start("cluster-enabled yes", f"cluster-port {free_port()}")
    step = await last_step(f"redis://{node.address}")
    assert "redis+cluster://" in step.fix, step


async def test_sentinels_that_do_not_know_the_service() -> None:
    """None of them can be reached: each is named."""
    ports = free_port(), free_port()
    steps = await probe(f"redis+sentinel://127.0.0.1:{ports[0]},127.0.0.1:{ports[1]}/main", "probe", 5.0)
    assert [step.detail for step in steps] == [f"127.0.0.1:{port}: connection refused" for port in ports]


@pytest.fixture
async def speaker() -> AsyncIterator[Callable[..., object]]:
    """Starts a server that answers every command with the same bytes; None: never. Returns its address."""
    servers: list[asyncio.Server] = []

    async def speak(answer: bytes | None) -> str:
        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            while data := await reader.read(4096):
                if answer is not None:
                    writer.write(answer * (b"\n" + data).count(b"\n*"))  # one for each command
            writer.close()

        servers.append(await asyncio.start_server(serve, "127.0.0.1", 0))
        return f"127.0.0.1:{servers[-1].sockets[0].getsockname()[1]}"

    yield speak
    for server in servers:
        server.close()


@pytest.mark.parametrize(
    ("answer", "check", "detail"),
    [
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "address", "no Redis"),
        (None, "connection", "does not answer"),
        (b"-LOADING Redis is loading the dataset in memory\r\n", "loading", "loading"),
        (b"-NOAUTH Authentication required.\r\n", "login", "wants a password"),
        (b"-MISCONF Errors writing to the AOF file: No space left on device\r\n", "disk", "refuses changes"),
        (b"-READONLY You can't write against a read only replica.\r\n", "role", "replica"),
        (b"-OOM command not allowed when used memory > 'maxmemory'.\r\n", "memory", "full"),
        (b"-BUSY Redis is busy running a script.\r\n", "busy", "script"),
        (b"-NOREPLICAS Not enough good replicas to write.\r\n", "replication", "replicas"),
    ],
)
async def test_answers_of_a_server(
    speaker: Callable[..., Awaitable[str]], answer: bytes | None, check: str, detail: str
) -> None:
    """Each error that a server may answer with is told apart."""
    address = await speaker(answer)
    step = await last_step(f"redis://{address}", 0.5 if answer is None else 60.0)
    assert (step.check, detail in step.detail) == (check, True), step


@pytest.mark.parametrize("socket_name", ["", "s"], ids=["TCP", "Unix socket"])
async def test_a_server_that_hangs(start: Callable[..., Node], socket_name: str) -> None:
    """It accepts connections and answers nothing: that is no refusal."""
    node = start(*([f"unixsocket {socket_name}"] if socket_name else []))
    node.pause()
    try:
        step = await last_step(
            f"unix://{node.directory / socket_name}" if socket_name else f"redis://{node.address}", 1
        )
    finally:
        node.resume()
    assert (step.check, "does not answer" in step.detail) == ("connection", True), step


async def test_a_url_that_is_wrong() -> None:
    """It is named without its password."""
    step = await last_step("redis+sentinel://:secret@h:1")
    assert step.check == "address"
    assert "secret" not in step.detail
