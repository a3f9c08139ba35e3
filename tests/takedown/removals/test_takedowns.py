"""Takedowns on record, in a real Redis."""

import time
from dataclasses import replace

import pytest
from tests.takedown.removals.desk import asked

from edgeward.errors import Conflict, NotFound
from edgeward.store.connection import Store
from edgeward.takedown.removals import takedowns as module
from edgeward.takedown.removals.takedowns import Progress, Takedown, Takedowns
from edgeward.types import Signal, Target

WHOLE = asked(
    urls=(Target("https", "img.test", "/\xe9?\x80"),),
    prefixes=(Target("https", "img.test", "/a/"),),
    signals=(Signal("md5", "9" * 32), Signal("pdq", "1" * 64, 90)),
    list="court",
    hosts=("img.test",),
    version=7,
)


def test_a_takedown_survives_its_text() -> None:
    """All of it comes back from JSON, byte for byte."""
    assert Takedown.from_json(WHOLE.to_json()) == WHOLE


async def test_a_takedown_is_on_record(store: Store) -> None:
    """What was asked for is found again by its id and among the latest, newest first."""
    takedowns = Takedowns(store)
    assert await takedowns.create(WHOLE) == (WHOLE, True)
    later = asked("td-2", urls=WHOLE.urls)
    await takedowns.create(later)
    assert await takedowns.get("td-1") == (WHOLE, Progress())
    assert [found.id for found, _ in await takedowns.recent()] == ["td-2", "td-1"]
    assert [found.id for found, _ in await takedowns.recent(1)] == ["td-2"]
    with pytest.raises(NotFound, match="td-3"):
        await takedowns.get("td-3")


async def test_the_same_key_is_the_same_takedown(store: Store) -> None:
    """Asked for again under its key, at another time, it is the first one; something else under that key is refused."""
    takedowns = Takedowns(store)
    first = replace(WHOLE, key="token:ana:1")
    await takedowns.create(first)
    again = replace(first, id="td-2", at=first.at + 60, version=9)
    assert await takedowns.create(again) == (first, False)
    assert await takedowns.create(replace(again, key="token:bob:1")) == (replace(again, key="token:bob:1"), True)
    with pytest.raises(Conflict, match="td-1"):
        await takedowns.create(replace(again, why="another reason"))
    assert [found.id for found, _ in await takedowns.recent()] == ["td-2", "td-1"]


async def test_a_takedown_is_worked_on_by_one(store: Store) -> None:
    """What one has claimed nobody else gets, until it is finished or its lease has run out."""
    takedowns, later = Takedowns(store), asked("td-2", urls=WHOLE.urls)
    await takedowns.create(WHOLE)
    await takedowns.create(later)
    (mine,) = await takedowns.claim(1, [])
    (other,) = await takedowns.claim(5, [])
    assert {mine, other} == {"td-1", "td-2"}
    assert await takedowns.claim(5, [mine, other]) == []
    await takedowns.finish(mine)
    assert await takedowns.claim(5, [mine]) == []


async def test_what_the_dead_left_is_claimed(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """A lease that is not renewed ends; one that is renewed does not."""
    monkeypatch.setattr(module, "LEASE_SECONDS", 0.0)
    takedowns = Takedowns(store)
    await takedowns.create(WHOLE)
    assert await takedowns.claim(1, []) == ["td-1"]
    assert await takedowns.claim(1, []) == ["td-1"]
    monkeypatch.setattr(module, "LEASE_SECONDS", 60.0)
    assert await takedowns.claim(1, ["td-1"]) == []


async def test_progress_is_noted(store: Store) -> None:
    """Parts, orders, trouble and the end are on record; orders keep their order and come in pages."""
    takedowns = Takedowns(store)
    await takedowns.create(WHOLE)
    ids = [f"{number}-0" for number in range(2500)]
    await takedowns.note_part("td-1", 1, ids[:2400])
    await takedowns.note_part("td-1", 2, ids[2400:])
    await takedowns.note_trouble("td-1", "no list")
    before = time.time()
    await takedowns.finish("td-1")
    _, progress = await takedowns.get("td-1")
    assert before <= progress.placed_at <= time.time()
    assert replace(progress, placed_at=0.0) == Progress(parts=2, orders=2500, trouble="no list")
    assert [order_id async for order_id in takedowns.all_orders("td-1")] == ids
    assert await takedowns.orders("td-1", 2399, 2) == ids[2399:2401]


async def test_a_takedown_is_forgotten_whole(store: Store) -> None:
    """Nothing is left of it, not even its key; one that is still to be carried out stays."""
    takedowns = Takedowns(store)
    await takedowns.create(replace(WHOLE, key="token:ana:1"))
    await takedowns.note_part("td-1", 1, ["1-0"])
    assert await takedowns.older(time.time() + 1) == []
    await takedowns.forget("td-1")
    assert (await takedowns.get("td-1"))[0].id == "td-1"
    await takedowns.finish("td-1")
    assert await takedowns.older(time.time() + 1) == [("td-1", "1-0")]
    assert await takedowns.older(WHOLE.at - 1) == []
    await takedowns.forget("td-1")
    assert await store.redis.keys(store.key("{takedowns}", "*")) == []
