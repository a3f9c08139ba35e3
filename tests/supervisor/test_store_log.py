"""The log of the embedded store while it runs."""

import asyncio
from pathlib import Path

import pytest
from tests.support.eventually import eventually

from edgeward.store import embedded
from edgeward.supervisor import store_log
from edgeward.supervisor.store_log import keep_store_log_bounded


async def test_a_long_log_is_put_aside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As often as it is long, and also after it was not there."""
    monkeypatch.setattr(store_log, "LOOK_SECONDS", 0.01)
    monkeypatch.setattr(embedded, "MAX_LOG_BYTES", 100)
    bounding = asyncio.create_task(keep_store_log_bounded(tmp_path))
    log = tmp_path / "store" / embedded.LOG_FILE
    log.parent.mkdir()
    for text in ("a" * 101, "b" * 102):
        log.write_text(text)

        async def is_aside(text: str = text) -> bool:
            earlier = log.with_suffix(".log.1")
            return not log.exists() and earlier.exists() and earlier.read_text() == text

        await eventually(is_aside, "the long log")
    bounding.cancel()
