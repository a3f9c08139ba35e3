"""Files of batches that are not in use any more."""

import os
import random
import time
from pathlib import Path

import pytest
from tests.matching.batches.examples import entries
from tests.support.batches import written_batch
from tests.support.eventually import eventually

from edgeward.lists.replication import unused_batch_files
from edgeward.lists.replication.unused_batch_files import UNUSED_SECONDS, UnusedBatchFiles
from edgeward.matching.batches.batch_files import BatchFiles


async def test_what_nobody_uses_is_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Files stay that this process uses, or another marked or wrote within two days; nothing goes at the first look."""
    monkeypatch.setattr(unused_batch_files, "PAUSE_SECONDS", 0.01)
    files, chance = BatchFiles(tmp_path), random.Random(1)
    used, marked, old, new = (written_batch(files, entries(3, chance)).id for _ in range(4))
    for batch_id, age in ((used, 10), (marked, 0.9), (old, 1.1)):
        then = time.time() - age * UNUSED_SECONDS
        os.utime(tmp_path / f"{batch_id}.sqlite", (then, then))
    looks: list[int] = []

    def ids() -> list[str]:
        looks.append(len(files.names()))
        return [used, "unknown"]

    unused = UnusedBatchFiles(files, ids)
    await unused.start()
    await unused.start()
    try:
        await eventually(lambda: not files.has(old))
        assert looks[:2] == [4, 4]
        with files.lock():
            seen = len(looks)
            await eventually(lambda: len(looks) > seen + 1)
    finally:
        await unused.close()
    assert files.names() == {used, marked, new}
    assert time.time() - (tmp_path / f"{used}.sqlite").stat().st_mtime < UNUSED_SECONDS / 2
