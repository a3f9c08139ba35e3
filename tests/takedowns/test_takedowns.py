"""Takedowns in a real Redis."""

import json
import time
from dataclasses import replace

import pytest
from tests.takedowns.controller import make_takedown

from edgeward.errors import Conflict, LaterRelease, NotFound
from edgeward.store.connection import Store
from edgeward.takedowns.takedowns import Takedown, TakedownProgress, Takedowns
from edgeward.types import Signal, Target

FULL = make_takedown(
    urls=(Target("https", "img.test", "/\xe9?\x80"),),
    prefixes=(Target("https", "img.test", "/a/"),),
    signals=(Signal("md5", "9" * 32), Signal("pdq", "1" * 64, 90)),
    list="court",
    hosts=("img.test",),
    version=7,
)


def test_a_takedown_survives_its_text() -> None:
    """Every field comes back from JSON, byte for byte."""
    assert Takedown.from_json(FULL.to_json()) == FULL


def test_what_each_written_url_stands_for_is_kept() -> None:
    """An old record without it has one target for each. It makes no other takedown of the same key."""
    urls = (Target("http", "h", "/a"), Target("http", "h", "/x/../a"), Target("http", "h", "/b"))
    plain = make_takedown(urls=urls)
    assert '"groups"' not in plain.to_json()
    assert plain.written_urls == [(url,) for url in urls]
    grouped = replace(plain, groups=((0, 1), (2,)))
    assert Takedown.from_json(grouped.to_json()) == grouped
    assert grouped.written_urls == [urls[:2], urls[2:]]
    assert grouped.digest == plain.digest


async def test_a_takedown_is_stored(store: Store) -> None:
    """A takedown is found by its id and among the latest, newest first."""
    takedowns = Takedowns(store)
    assert await takedowns.create(FULL) == (FULL, True)
    later = make_takedown("td-2", urls=FULL.urls)
    await takedowns.create(later)
    assert await takedowns.get("td-1") == (FULL, TakedownProgress())
    assert [found.id for found, _ in await takedowns.recent()] == ["td-2", "td-1"]
    assert [found.id for found, _ in await takedowns.recent(1)] == ["td-2"]
    with pytest.raises(NotFound, match="td-3"):
        await takedowns.get("td-3")


async def test_a_summary_is_kept_with_its_takedown(store: Store) -> None:
    """As long as there is one: nothing is left of a takedown that is forgotten meanwhile."""
    takedowns = Takedowns(store)
    await takedowns.create(FULL)
    await takedowns.note_summary("td-1", "{}")
    assert (await takedowns.get("td-1"))[1].summary == "{}"
    await takedowns.note_summary("td-2", "{}")
    assert await store.redis.exists(takedowns.job_store.record("td-2")) == 0


async def test_the_same_key_is_the_same_takedown(store: Store) -> None:
    """A second request with the same key gets the first takedown; the same key for something else is refused."""
    takedowns = Takedowns(store)
    first = replace(FULL, key="token:ana:1")
    await takedowns.create(first)
    again = replace(first, id="td-2", at=first.at + 60, version=9)
    assert await takedowns.create(again) == (first, False)
    assert await takedowns.create(replace(again, key="token:bob:1")) == (replace(again, key="token:bob:1"), True)
    with pytest.raises(Conflict, match="td-1"):
        await takedowns.create(replace(again, why="another reason"))
    assert [found.id for found, _ in await takedowns.recent()] == ["td-2", "td-1"]


async def test_a_finished_takedown_is_closed(store: Store) -> None:
    """A worker gets a new takedown, and no finished one."""
    takedowns = Takedowns(store)
    await takedowns.create(FULL)
    assert await takedowns.job_store.claim(5, []) == ["td-1"]
    await takedowns.finish("td-1")
    assert await takedowns.job_store.claim(5, ["td-1"]) == []
    assert await store.redis.zscore(takedowns.job_store.key("open"), "td-1") is None


async def test_keys_and_fields_stay_as_they_are(store: Store) -> None:
    """What 0.1 wrote is read by later versions: names in the store do not change with those of the code."""
    takedowns = Takedowns(store)
    await takedowns.create(replace(FULL, key="token:ana:1"))
    await takedowns.note_steps("td-1", 3, ["1-0"])
    await takedowns.note_error("td-1", "no list")
    await takedowns.finish("td-1")
    beginning = store.key("{takedowns}", "")
    names = {key.decode().removeprefix(beginning) for key in await store.redis.keys(f"{beginning}*")}
    assert names == {"record:td-1", "orders:td-1", "index", "key:token:ana:1"}
    fields = await store.redis.hgetall(store.key("{takedowns}", "record", "td-1"))
    assert fields.keys() == {b"takedown", b"parts", b"trouble", b"placed_at"}
    key = await store.redis.get(store.key("{takedowns}", "key", "token:ana:1"))
    assert key == f"td-1 {replace(FULL, key='token:ana:1').digest}".encode()


async def test_progress_is_noted(store: Store) -> None:
    """Steps, orders, errors and the end are stored; orders keep their order and come in pages."""
    takedowns = Takedowns(store)
    await takedowns.create(FULL)
    ids = [f"{number}-0" for number in range(2500)]
    await takedowns.note_steps("td-1", 1, ids[:2400])
    await takedowns.note_steps("td-1", 2, ids[2400:])
    await takedowns.note_error("td-1", "no list")
    before = time.time()
    await takedowns.finish("td-1")
    _, progress = await takedowns.get("td-1")
    assert abs(progress.placed_at - before) < 60
    assert replace(progress, placed_at=0.0) == TakedownProgress(steps=2, orders=2500, error="no list")
    assert [order_id async for order_id in takedowns.all_orders("td-1")] == ids
    assert await takedowns.orders("td-1", 2399, 2) == ids[2399:2401]


async def test_a_forgotten_takedown_leaves_nothing(store: Store) -> None:
    """Not even its idempotency key is left; a takedown that is not finished stays."""
    takedowns = Takedowns(store)
    await takedowns.create(replace(FULL, key="token:ana:1"))
    await takedowns.note_steps("td-1", 1, ["1-0"])
    assert await takedowns.finished_before(time.time() + 1) == []
    await takedowns.forget("td-1")
    assert (await takedowns.get("td-1"))[0].id == "td-1"
    await takedowns.finish("td-1")
    assert await takedowns.finished_before(time.time() + 1) == [("td-1", "1-0")]
    assert await takedowns.finished_before(FULL.at - 1) == []
    await takedowns.forget("td-1")
    assert await store.redis.keys(store.key("{takedowns}", "*")) == []


async def test_forgetting_twice_is_harmless(store: Store) -> None:
    """A takedown that another controller has forgotten is done with, and an id that is left of it goes too."""
    takedowns = Takedowns(store)
    await takedowns.create(FULL)
    await takedowns.finish("td-1")
    await takedowns.note_steps("td-1", 1, ["1-0"])
    await store.redis.delete(takedowns.job_store.record("td-1"))
    assert await takedowns.finished_before(time.time() + 1) == [("td-1", "1-0")]
    for _ in range(2):
        await takedowns.forget("td-1")
    assert await store.redis.keys(store.key("{takedowns}", "*")) == []


async def test_progress_never_falls(store: Store) -> None:
    """A worker that was frozen notes an earlier step after another has gone on: nothing is forgotten, and the orders
    of both are on record."""
    takedowns = Takedowns(store)
    takedown, _ = await takedowns.create(make_takedown(urls=FULL.urls))
    await takedowns.note_steps(takedown.id, 3, ["1-0"])
    await takedowns.note_steps(takedown.id, 2, ["2-0"])
    assert (await takedowns.get(takedown.id))[1].steps == 3
    assert await takedowns.orders(takedown.id) == ["1-0", "2-0"]
    await takedowns.note_error(takedown.id, "first")
    await takedowns.note_error(takedown.id, "second")
    assert (await takedowns.get(takedown.id))[1].error == "second"


async def test_a_takedown_of_a_later_release(store: Store) -> None:
    """Fields that are not known are passed over; one that needs a later release is left to it, and hides no other."""
    takedowns = Takedowns(store)
    for number, more in ((1, {"region": "eu"}), (2, {"needs": 9, "tags": ["x"]})):
        takedown = make_takedown(f"td-{number}", urls=(Target("http", "img.test", "/a"),))
        text = json.dumps({**json.loads(takedown.to_json()), **more})
        await takedowns.job_store.create(takedown.id, text, takedown.at)
    assert [each.id for each, _ in await takedowns.recent()] == ["td-1"]
    with pytest.raises(LaterRelease, match="a takedown was written by a later release"):
        await takedowns.get("td-2")
    await takedowns.forget("td-2")
    assert await takedowns.job_store.get("td-2")
