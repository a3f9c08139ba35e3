"""Incidents in a real Redis."""

import json
import random
import time
from dataclasses import replace
from typing import Any

import pytest
from tests.support.real_caches import target

from edgeward import incidents as module
from edgeward import metrics
from edgeward.incidents import Incidents
from edgeward.sightings.store_memory import StoreMemory
from edgeward.store.connection import Store
from edgeward.types import Decision, Incident, Reason


async def test_come_back_newest_first(store: Store) -> None:
    """Incidents are read as they were added, with an id, newest first, no more than asked for."""
    incidents = Incidents(store)
    assert await incidents.recent() == []
    added = [
        Incident(float(n), Decision.BLOCK, Reason.MATCH, target("/\xe9"), "ab" * 32, "list", "entry", "pdq", n)
        for n in range(3)
    ]
    await incidents.add(added)
    found = await incidents.recent(2)
    assert [replace(one, id="") for one in found] == [added[2], added[1]]
    assert all(one.id for one in found)


async def test_the_first_incident_of_an_entry_is_found(store: Store) -> None:
    """Finds the oldest incident of an entry, however many others there are; None if there is none."""
    incidents, now = Incidents(store), time.time()
    known = Incident(now, Decision.BLOCK, Reason.MATCH, target("/x"), "ab" * 32, "list", "other", "pdq", 0)
    of_entry = replace(known, entry_id="ab12")
    # A path that contains the entry's id does not make an incident one of that entry.
    await incidents.add([replace(known, target=target("/ab12"))] * 1500)
    await incidents.add([of_entry, replace(of_entry, at=now + 1)])
    found = await incidents.first("ab12", now)
    assert found
    assert (found.at, found.entry_id) == (now, "ab12")
    assert await incidents.first("none", now) is None
    assert await incidents.first("ab12", now + 3600) is None
    assert await incidents.first("ab12", now, Decision.DELIVER) is None
    await incidents.add([replace(of_entry, decision=Decision.DELIVER, at=now + 2)])
    delivered = await incidents.first("ab12", now, Decision.DELIVER)
    assert delivered
    assert delivered.at == now + 2


def an_incident(**fields: Any) -> Incident:
    return Incident(1.0, Decision.BLOCK, Reason.MATCH, target("/x"), "ab" * 32, "list", "ab12", "pdq", 0, **fields)


async def test_hits_are_counted(store: Store) -> None:
    """An incident has the hits it was written with until more are set; to set them twice changes nothing."""
    incidents = Incidents(store)
    ids = await incidents.add([an_incident(hits=3), an_incident()])
    assert [one.hits for one in await incidents.recent()] == [1, 3]
    for _ in range(2):
        await incidents.set_hits({ids[1]: 41})
    assert [(one.id, one.hits) for one in await incidents.recent()] == [(ids[1], 41), (ids[0], 3)]
    await incidents.set_hits({ids[0]: 7})
    first = await incidents.first("ab12", 0.0)
    assert first
    assert (first.id, first.hits) == (ids[0], 7)


async def test_hits_of_dropped_incidents_are_removed(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """The store keeps no more of them than of incidents, about."""
    monkeypatch.setattr(module, "MAX_COUNTED", 10)
    incidents = Incidents(store)
    ids = await incidents.add([an_incident() for _ in range(11)])
    await incidents.set_hits(dict.fromkeys(ids[:10], 2))
    await store.redis.xtrim(store.key("incidents"), maxlen=3, approximate=False)
    await incidents.set_hits({ids[10]: 5})
    assert {key.decode() for key in await store.redis.hkeys(store.key("incidents", "hits"))} == set(ids[8:])
    assert [one.hits for one in await incidents.recent()] == [5, 2, 2]


async def test_incidents_of_earlier_versions_are_read(store: Store) -> None:
    """They have no hits and no act. What earlier versions read of new ones is as they know it."""
    await Incidents(store).add([an_incident(act="act-1", hits=5)])
    ((_, stored),) = await store.redis.xrange(store.key("incidents"))
    assert not {"hits", "act"} & json.loads(stored[b"incident"]).keys()
    await store.redis.xadd(store.key("incidents"), {"incident": stored[b"incident"]})
    old, new = await Incidents(store).recent()
    assert (old.hits, old.act, new.hits, new.act) == (1, "", 5, "act-1")


def long_incident(number: int) -> Incident:
    long = replace(target(f"/?{random.Random(number).randbytes(10_000).hex()}"), vary=(("accept", "x" * 300),))
    return replace(an_incident(), target=long, distance=number)


async def test_long_targets_take_less(store: Store) -> None:
    """They come back as they were. Earlier versions read the beginning of the path."""
    incidents = Incidents(store)
    await incidents.add([long_incident(1)])
    assert replace((await incidents.recent())[0], id="") == long_incident(1)
    ((_, stored),) = await store.redis.xrange(store.key("incidents"))
    assert sum(map(len, stored.values())) < 0.65 * long_incident(1).target.length
    assert json.loads(stored[b"incident"])["target"]["path"] == long_incident(1).target.path[: module.PATH_CHARACTERS]


async def test_the_bytes_of_all_are_bounded(store: Store) -> None:
    """However long their targets are: the oldest are dropped and counted. The limit follows the store's memory."""
    incidents, before = Incidents(store, StoreMemory(store, 64 * 1024 * 1024)), trimmed()
    for first in range(0, 1000, 100):
        await incidents.add([long_incident(number) for number in range(first, first + 100)])
        used = await store.redis.memory_usage(store.key("incidents"))
        assert used < 4 * 1024 * 1024 + 100 * 15_000
    kept = await incidents.recent(10_000)
    assert [one.distance for one in kept] == list(range(999, 999 - len(kept), -1))
    assert len(kept) > 200
    assert trimmed() - before == 1000 - len(kept)


def trimmed() -> float:
    return metrics.registry.get_sample_value("edgeward_incidents_trimmed_total") or 0.0


async def test_incidents_of_a_later_release_are_read(store: Store) -> None:
    """What is not known is passed over. One that can't be read is left out, and hides no other."""
    incidents = Incidents(store)
    known = Incident(1.0, Decision.BLOCK, Reason.MATCH, target("/x"), "ab" * 32, "list", "e1", "pdq", 0)
    await incidents.add([known])
    (_, fields), *_ = await store.redis.xrange(store.key("incidents"))
    data = json.loads(fields[b"incident"])
    for more in ({"region": "eu", "view": "mirrored"}, {"reason": "whim"}, {"needs": 9}):
        await store.redis.xadd(store.key("incidents"), {"incident": json.dumps({**data, **more})})
    assert [replace(each, id="") for each in await incidents.recent()] == [known, known]
    assert await incidents.first("e1", 0.0) is not None


async def test_incidents_are_followed(store: Store) -> None:
    """In pages, oldest first; after the last one the position stays."""
    incidents = Incidents(store)
    assert await incidents.since("", 9) == ([], "")
    made = [
        Incident(1.0, Decision.BLOCK, Reason.MATCH, target(f"/{n}"), "ab" * 32, "l", "e", "pdq", n) for n in range(3)
    ]
    ids = await incidents.add(made)
    first, position = await incidents.since("", 2)
    assert ([each.distance for each in first], position) == ([0, 1], ids[1])
    rest, position = await incidents.since(position, 2)
    assert ([each.distance for each in rest], position) == ([2], ids[2])
    assert await incidents.since(position, 2) == ([], ids[2])
