"""The examination of real stores."""

import subprocess
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest
from tests.control.controllers import listens, until
from tests.parts import require

from edgeward.control.doctor.finding import Finding, Health
from edgeward.control.doctor.store import examine
from edgeward.store.connection import Store

GOOD = ("--appendonly", "yes", "--hash-max-listpack-value", "512")


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Callable[..., str]]:
    """Starts a redis-server with these options; gives its URL."""
    running: list[subprocess.Popen[bytes]] = []

    def start(*options: str) -> str:
        path = tmp_path / "s"
        command = [require("redis-server"), "--port", "0", "--unixsocket", path, "--dir", tmp_path, "--save", ""]
        running.append(subprocess.Popen([*command, *options], stdout=subprocess.DEVNULL))
        until(lambda: listens(path))
        return f"unix://{path}"

    yield start
    for process in running:
        process.terminate()
        process.wait(60)


@pytest.fixture
async def look(server: Callable[..., str]) -> AsyncIterator[Callable[..., object]]:
    stores: list[Store] = []

    async def look(*options: str, replicas: int = 0) -> dict[str, Finding]:
        stores.append(await Store.connect(server(*options), "doctor"))
        return {finding.check: finding for finding in await examine(stores[-1], replicas)}

    yield look
    for store in stores:
        await store.close()


async def test_a_store_that_is_well(look: Callable[..., object]) -> None:
    """With an append-only file, no eviction, room and the same clock, nothing is to be mended."""
    findings = await look(*GOOD)  # type: ignore[misc]
    assert {finding.health for finding in findings.values()} == {Health.OK}
    assert set(findings) == {"persistence", "replication", "memory", "skew"}


@pytest.mark.parametrize(
    ("options", "check", "health"),
    [
        (("--appendonly", "no"), "persistence", Health.FAIL),
        (("--maxmemory-policy", "allkeys-lru"), "memory", Health.FAIL),
        (("--maxmemory", "1mb"), "memory", Health.WARN),
        (("--hash-max-listpack-value", "64"), "packing", Health.WARN),
    ],
)
async def test_what_is_wrong_is_found(
    look: Callable[..., object], options: tuple[str, ...], check: str, health: Health
) -> None:
    """Each with a word on what to set."""
    findings = await look(*options)  # type: ignore[misc]
    assert findings[check].health is health
    assert "set `" in findings[check].mend or "maxmemory" in findings[check].mend


async def test_replicas_that_are_not_there(look: Callable[..., object]) -> None:
    """A store that can't confirm a change refuses it: that is said before it happens."""
    findings = await look(*GOOD, replicas=1)  # type: ignore[misc]
    assert findings["replication"].health is Health.FAIL
