"""Merged segments in a process that serves."""

import random
from pathlib import Path

import pytest
from tests.matching.batches.examples import entries
from tests.matching.examples import image
from tests.support.batches import written_batch
from tests.support.eventually import eventually

from edgeward.lists.replication import batch_merging
from edgeward.lists.replication.batch_merging import BatchMerging
from edgeward.matching.batches.batch_files import MERGING_LOCK, BatchFiles
from edgeward.matching.matcher import Matcher
from edgeward.types import HashList

chance = random.Random(1)


async def serving(files: BatchFiles, count: int) -> Matcher:
    """A matcher with a list of so many batches."""
    matcher = Matcher()
    matcher.set_list(HashList("a"))
    batches = [written_batch(files, entries(9, chance)).as_of(number + 1) for number in range(count)]
    await matcher.set_batches("a", batches, {}, files)
    return matcher


def searched(matcher: Matcher) -> int:
    return len(matcher.batches("a").state.segments["pdq", 32])


async def test_a_process_merges_and_the_others_notice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two processes of one machine search one segment soon after there are several, and find the same."""
    monkeypatch.setattr(batch_merging, "PAUSE_SECONDS", 0.05)
    matchers = [await serving(BatchFiles(tmp_path), 3)]
    other = Matcher()
    other.set_list(HashList("a"))
    await other.set_batches("a", matchers[0].batches("a").batches, {}, BatchFiles(tmp_path))
    matchers.append(other)
    mergings = [BatchMerging(matcher, BatchFiles(tmp_path)) for matcher in matchers]
    lock = BatchFiles(tmp_path).lock(MERGING_LOCK)  # as if another process were at it
    try:
        for merging in mergings:
            await merging.start()
        with lock:
            assert [searched(matcher) for matcher in matchers] == [3, 3]
        await eventually(lambda: [searched(matcher) for matcher in matchers] == [1, 1])
        for merging in mergings:
            await merging.start()  # it runs already
    finally:
        for merging in mergings:
            await merging.close()
    for entry in list(matchers[0].entries("a").values()):
        assert [match.entry for matcher in matchers for match in matcher.matches(image(entry.signal))] == [entry] * 2


async def test_damage_is_logged_and_serving_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A damaged file is named, and removed with its batch, which nobody may need; the others are merged later. What was
    searched before still is."""
    monkeypatch.setattr(batch_merging, "PAUSE_SECONDS", 0.01)
    files = BatchFiles(tmp_path)
    matcher = await serving(files, 2)
    path = tmp_path / f"{matcher.batches('a').batches[0].id}.0.segment"
    path.write_bytes(path.read_bytes()[:-1])
    merging = BatchMerging(matcher, files)
    await merging.start()
    try:
        await eventually(lambda: str(path) in caplog.text and not path.exists())
    finally:
        await merging.close()
    assert searched(matcher) == 2
    assert len(files.names()) == 1
