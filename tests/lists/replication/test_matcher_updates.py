"""Writing lists, entries and changes into a matcher."""

from collections.abc import Awaitable, Callable

import pytest
from tests.lists.entries import entries, entry, image

from edgeward.lists.list_store import ListStore
from edgeward.lists.replication import matcher_updates as module
from edgeward.lists.replication.batch_preparation import BatchPreparation
from edgeward.lists.replication.matcher_updates import MatcherUpdates
from edgeward.matching.batches.batch_files import BatchFiles
from edgeward.matching.matcher import Matcher
from edgeward.types import Entry, HashList, Mode, Signal


class Slices:
    """Counts the pauses between slices."""

    def __init__(self) -> None:
        self.count = 0

    async def __call__(self) -> None:
        self.count += 1


def updates_of(
    matcher: Matcher, list_store: ListStore, between_slices: Callable[[], Awaitable[None]], name: str = "one"
) -> MatcherUpdates:
    store, files = list_store.batches.store, BatchFiles.temporary()
    preparation = BatchPreparation(name, files, store, list_store.membership, between_slices)
    return MatcherUpdates(name, matcher, list_store, between_slices, preparation)


def names(matcher: Matcher, list_name: str = "a") -> set[str]:
    return set(matcher.entries(list_name))


@pytest.mark.parametrize("keep_others", [False, True])
async def test_a_snapshot_replaces_what_was_there(list_store: ListStore, keep_others: bool) -> None:
    """Lists and entries of the store are added and policies updated; others are removed, unless they are to be kept."""
    await list_store.add_entries([entry("a", 1), entry("a", 2)], "me")
    await list_store.set_list(HashList("a", mode=Mode.MONITOR), "me")
    matcher = Matcher()
    for name in ("a", "old"):
        matcher.set_list(HashList(name))
        matcher.add_entry(entry(name, 9))
    await updates_of(matcher, list_store, Slices()).load_snapshot(keep_others)
    others = {entry("a", 9).id} if keep_others else set()
    assert names(matcher) == {entry("a", 1).id, entry("a", 2).id} | others
    assert matcher.lists["a"].mode is Mode.MONITOR
    assert ("old" in matcher.lists) is keep_others
    assert matcher.verdict(image(entry("old", 9))).blocks is keep_others


async def test_changes_are_applied_in_order(list_store: ListStore) -> None:
    """After all changes the matcher holds what the store holds, at its version."""
    await list_store.add_entries([entry("a", 1), entry("a", 2)], "me")
    await list_store.remove_entry("a", entry("a", 1).id, "me")
    await list_store.create_list(HashList("b"), "me")
    await list_store.add_entries([entry("b", 3)], "me")
    await list_store.delete_list("b", "me")
    matcher = Matcher()
    updates = updates_of(matcher, list_store, Slices())
    for change in await list_store.changes(0):
        await updates.apply(change)
        assert matcher.version == change.version
    assert names(matcher) == {entry("a", 2).id}
    assert matcher.lists.keys() == {"a"}


async def test_a_long_list_is_deleted_in_slices(list_store: ListStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between two slices others have their turn, and the version is still the old one."""
    monkeypatch.setattr(module, "SLICE", 10)
    await list_store.add_entries(entries(95), "me")
    matcher, versions = Matcher(), list[int]()

    async def between_slices() -> None:
        versions.append(matcher.version)

    updates = updates_of(matcher, list_store, between_slices)
    for change in await list_store.changes(0):
        await updates.apply(change)
    await updates.apply(await list_store.delete_list("a", "me"))
    assert versions == [96] * 10
    assert matcher.version == 97
    assert not matcher.lists


async def test_a_bad_entry_is_skipped(list_store: ListStore, caplog: pytest.LogCaptureFixture) -> None:
    """An entry that can match nothing is named in the log, loaded or applied; the entries after it act."""
    bad = Entry("a", Signal("pdq", "x" * 64))
    changes = await list_store.add_entries([bad, entry("a", 1)], "me")
    loaded, following = Matcher(), Matcher()
    await updates_of(loaded, list_store, Slices(), "loaded").load_snapshot(keep_others=False)
    following.set_list(HashList("a"))
    for change in changes:
        await updates_of(following, list_store, Slices(), "following").apply(change)
    for matcher in (loaded, following):
        assert matcher.verdict(image(entry("a", 1))).blocks
    for name in ("loaded", "following"):
        (message,) = [record.getMessage() for record in caplog.records if record.getMessage().startswith(f"{name}: ")]
        assert bad.id in message
