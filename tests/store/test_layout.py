"""The version of the store's layout: written at first use, and refused where it needs a later release."""

import subprocess
import sys
from pathlib import Path

import pytest

from edgeward.errors import LaterRelease
from edgeward.store import connection
from edgeward.store.connection import Store
from edgeward.store.layout import LAYOUT_KEY


async def test_it_is_written_once(store: Store) -> None:
    """A store without it is of version 1, as all stores of earlier releases."""
    await store.claim_layout()
    await store.claim_layout()
    assert await store.redis.hgetall(store.key(*LAYOUT_KEY)) == {b"written": b"1", b"needs": b"1"}


async def test_a_later_release_raises_it(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """It notes its version; it raises what is needed only if it says so, and never lowers it."""
    await store.claim_layout()
    monkeypatch.setattr(connection, "LAYOUT_VERSION", 3)
    await store.claim_layout()
    assert await store.redis.hgetall(store.key(*LAYOUT_KEY)) == {b"written": b"3", b"needs": b"1"}
    monkeypatch.undo()
    await store.claim_layout()
    assert await store.redis.hgetall(store.key(*LAYOUT_KEY)) == {b"written": b"3", b"needs": b"1"}


async def test_a_store_that_needs_a_later_release_is_refused(store: Store, redis_url: str) -> None:
    """At connecting, with a sentence that says what to do. Nothing is written."""
    await store.redis.hset(store.key(*LAYOUT_KEY), mapping={"written": 2, "needs": 2})
    with pytest.raises(LaterRelease, match="its layout is of version 2, and this release of Edgeward knows version 1"):
        await Store.connect(redis_url, store.namespace)
    with pytest.raises(LaterRelease):
        await store.claim_layout()
    assert await store.redis.hgetall(store.key(*LAYOUT_KEY)) == {b"written": b"2", b"needs": b"2"}


@pytest.mark.parametrize("role", ["controller", "proxy", "run"])
async def test_no_process_starts_on_it(store: Store, redis_url: str, tmp_path: Path, role: str) -> None:
    """The command ends with status 3 and one line."""
    await store.redis.hset(store.key(*LAYOUT_KEY), "needs", 2)
    file = tmp_path / "edgeward.toml"
    file.write_text(
        f'state_dir = "{tmp_path / "state"}"\n'
        f'[store]\nurl = "{redis_url}"\nnamespace = "{store.namespace}"\n'
        '[proxy]\nlisten = "127.0.0.1:0"\nupstream = "http://127.0.0.1:9"\n'
        '[admin]\nlisten = "127.0.0.1:0"\n'
    )
    done = subprocess.run(
        [sys.executable, "-m", "edgeward", role, "-c", str(file)], capture_output=True, text=True, timeout=120,
        check=False,
    )  # fmt: skip
    assert done.returncode == 3, done.stderr
    assert "upgrade this one" in done.stderr
    assert "Traceback" not in done.stderr
