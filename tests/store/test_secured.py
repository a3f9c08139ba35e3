"""Stores that require TLS and passwords: servers, sentinels and nodes of a cluster."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from tests.caches.certificates import server_context
from tests.store.nodes import Credentials, Node
from tests.store.sentinels import SERVICE, SentinelNode
from tests.support.eventually import until
from tests.support.programs import free_port

from edgeward.errors import StoreUnavailable
from edgeward.store.connection import Store

INCREMENT = "return redis.call('INCRBY', KEYS[1], ARGV[1])"


@pytest.fixture
def credentials(tmp_path: Path) -> Credentials:
    """TLS, and the password of the servers."""
    _, certificate = server_context(tmp_path, "localhost")
    return Credentials(certificate, tmp_path / "key.pem", "geheim")


@pytest.fixture
def sentinel(tmp_path: Path, credentials: Credentials) -> Iterator[str]:
    """The address of a sentinel that watches one server, and has another password."""
    own = Credentials(credentials.certificate, credentials.key, "anders")
    master = Node(tmp_path / "0", credentials=credentials)
    watching = SentinelNode(
        tmp_path / "1", master, f"sentinel auth-pass {SERVICE} {credentials.password}", credentials=own
    )
    with ExitStack() as running:
        for node in (master, watching):
            running.callback(node.kill)
            node.start()
        yield watching.address


@pytest.fixture
def cluster(tmp_path: Path, credentials: Credentials) -> Iterator[str]:
    """The address of a cluster of one node."""
    node = Node(tmp_path / "0", "cluster-enabled yes", f"cluster-port {free_port()}", credentials=credentials)
    with ExitStack() as running:
        running.callback(node.kill)
        node.start()
        assert node.ask("CLUSTER", "ADDSLOTSRANGE", "0", "16383")
        until(lambda: b"cluster_state:ok" in (node.ask("CLUSTER", "INFO") or b""))
        yield node.address


async def _works(url: str) -> None:
    store = await Store.connect(url, replicas=0)
    assert await store.run_durably(INCREMENT, [store.key("n")], [1]) == 1
    reader = await store.blocking()
    assert await reader.xread({store.key("none"): "$"}, block=10) in ([], None)
    await store.close()


async def test_sentinel(sentinel: str, credentials: Credentials) -> None:
    """Sentinels and servers are reached by TLS, each with its password."""
    options = f"ssl_ca_certs={credentials.certificate}&ssl_check_hostname=no"
    await _works(f"rediss+sentinel://:geheim@{sentinel}/{SERVICE}?sentinel_password=anders&{options}")
    for url in (
        f"rediss+sentinel://:falsch@{sentinel}/{SERVICE}?sentinel_password=anders&{options}",
        f"rediss+sentinel://:geheim@{sentinel}/{SERVICE}?sentinel_password=falsch&{options}",
        f"rediss+sentinel://:geheim@{sentinel}/{SERVICE}?sentinel_password=anders&ssl_check_hostname=no",
        f"redis+sentinel://:geheim@{sentinel}/{SERVICE}?sentinel_password=anders",
    ):
        await _is_refused(url)


async def test_cluster(cluster: str, credentials: Credentials) -> None:
    """Nodes of a cluster are reached by TLS, with their password."""
    options = f"ssl_ca_certs={credentials.certificate}&ssl_check_hostname=no"
    await _works(f"rediss+cluster://:geheim@{cluster}?{options}")
    for url in (
        f"rediss+cluster://:falsch@{cluster}?{options}",
        f"rediss+cluster://:geheim@{cluster}?ssl_check_hostname=no",
        f"rediss+cluster://:geheim@{cluster}?ssl_ca_certs={credentials.certificate}",
        f"redis+cluster://:geheim@{cluster}",
    ):
        await _is_refused(url)


async def _is_refused(url: str) -> None:
    with pytest.raises(StoreUnavailable) as refusal:
        await Store.connect(url, timeout_ms=500)
    assert not [password for password in ("geheim", "falsch", "anders") if password in str(refusal.value)]


async def test_a_certificate_that_nobody_vouches_for(tmp_path: Path, credentials: Credentials) -> None:
    """It is said what is wrong: the number in such an error is none of the operating system's."""
    node = Node(tmp_path / "0", credentials=credentials)
    with ExitStack() as running:
        running.callback(node.kill)
        node.start()
        with pytest.raises(StoreUnavailable, match="certificate verify failed"):
            await Store.connect(f"rediss://:geheim@{node.address}/0")
