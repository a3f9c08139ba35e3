"""Feedback in the store."""

from dataclasses import replace

import pytest

from edgeward.errors import Conflict
from edgeward.sources import feedback_queue as module
from edgeward.sources.feedback import Decided, Feedback
from edgeward.sources.feedback_queue import FeedbackCounts, FeedbackQueue
from edgeward.store.connection import Store

ONE = Feedback("1" * 20, "a", "md5", "11" * 16, "42-1", Decided.MATCH, "ana", 5.0)
TWO = replace(ONE, entry="2" * 20, at=4.0)


async def test_what_waits_is_sent_once(store: Store) -> None:
    """In the order in which it is due; sent, refused or put off, it is counted, and the last reason is kept."""
    queue = FeedbackQueue(store)
    await queue.add("ncmec", ONE)
    await queue.add("ncmec", TWO)
    assert await queue.waiting("ncmec") == [TWO, ONE]
    assert await queue.waiting("other") == []
    await queue.send_again("ncmec", TWO, 99.0, "silent")
    put_off = replace(TWO, tries=1, next_at=99.0, error="silent")
    assert await queue.waiting("ncmec") == [ONE, put_off]
    await queue.send_again("ncmec", ONE, 98.0, "silent", tried=False)
    assert (await queue.waiting("ncmec"))[0].tries == 0
    await queue.done("ncmec", replace(ONE, next_at=98.0, error="silent"))
    assert await queue.counts("ncmec") == FeedbackCounts(1, 1, 0, "silent")
    await queue.done("ncmec", put_off, "no such entry")
    assert await queue.counts("ncmec") == FeedbackCounts(0, 1, 1, "no such entry")


async def test_what_is_decided_anew_while_it_is_sent_is_sent_too(store: Store) -> None:
    """Whether the first was taken, or is to be sent again."""
    queue, other = FeedbackQueue(store), replace(ONE, decided=Decided.MISTAKE, at=6.0)
    await queue.add("ncmec", ONE)
    await queue.add("ncmec", other)
    await queue.send_again("ncmec", ONE, 99.0, "silent")
    assert await queue.waiting("ncmec") == [other]
    await queue.done("ncmec", ONE)
    assert await queue.waiting("ncmec") == [other]


async def test_it_has_a_bound(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """What waits already can still be decided anew."""
    monkeypatch.setattr(module, "MAX_WAITING", 1)
    queue = FeedbackQueue(store)
    await queue.add("ncmec", ONE)
    with pytest.raises(Conflict, match="wait to be reported"):
        await queue.add("ncmec", TWO)
    await queue.add("ncmec", replace(ONE, decided=Decided.MISTAKE))
