"""Checks of the lists of a running controller."""

import time
from pathlib import Path

import pytest
from tests.lists.entries import entries
from tests.support.controllers import Api
from tests.support.eventually import eventually, until
from tests.support.services import running_services

from edgeward.doctor.examination import examine
from edgeward.doctor.finding import Health
from edgeward.doctor.lists import CHECKS, check_lists
from edgeward.lists.list_store import ListStore
from edgeward.lists.replication.replica import Replica
from edgeward.operations.services import Services
from edgeward.store.connection import Store
from edgeward.types import HashList


def _found(api: Api) -> dict[str, dict[str, str]]:
    findings = api.post("/doctor", {}).json["findings"]
    return {each["check"]: each for each in findings if each["about"] == "lists"}


def test_lists_are_checked(api: Api, a_list: str) -> None:
    """Entries, their types, the age of the last change, and whether every process is up to date."""
    api.post(f"/lists/{a_list}/entries", {"hashes": ["md5:" + "3c" * 16]})
    found = _found(api)
    assert {check: found[check]["health"] for check in CHECKS} == dict.fromkeys(CHECKS, "ok")
    assert "changed less than a minute ago" in found["age"]["detail"]


def test_entries_that_match_nothing_are_named(api: Api, a_list: str) -> None:
    """PhotoDNA can be listed, but is not installed here."""
    api.post(f"/lists/{a_list}/entries", {"hashes": ["photodna:" + "3c" * 144]})
    found = _found(api)["types"]
    assert (found["health"], "1 of type photodna" in found["detail"]) == ("warn", True)
    api.delete(f"/lists/{a_list}")
    assert _found(api)["types"]["health"] == "ok"


async def test_lists_that_are_not_loaded_are_not_judged(store: Store) -> None:
    """Neither "nothing is blocked" nor "all processes have applied version 0" is known then: each check says why."""
    findings = await check_lists(ListStore(store), Replica(store, "new"))
    assert [each.check for each in findings] == list(CHECKS)
    for each in findings:
        assert (each.health, "not loaded yet" in each.detail) == (Health.SKIPPED, True)


@pytest.mark.parametrize("is_noticed", [True, False])
async def test_lists_that_the_store_lost_are_not_judged(store: Store, tmp_path: Path, is_noticed: bool) -> None:
    """Also where doctor runs before a heartbeat has noticed the loss: it looks itself."""
    async with running_services(store, tmp_path) as services:
        await services.list_store.create_list(HashList("a"), "me")
        await services.list_store.add_entries(entries(3), "me")
        await eventually(lambda: services.replica.version == 4)
        async for keys in store.scan(f"{store.namespace}:*"):
            await store.redis.delete(*keys)
        if is_noticed:
            await eventually(lambda: services.replica.loss, "the loss is noticed")
        found = await _health(services)
        assert {found["lists", check] for check in CHECKS} == {Health.SKIPPED}
        assert found["store", "data"] in ((Health.FAIL,) if is_noticed else (Health.FAIL, Health.SKIPPED))


async def _health(services: Services) -> dict[tuple[str, str], Health]:
    return {(each.about, each.check): each.health for each in await examine(services)}


def test_lists_that_end_are_named(api: Api, a_list: str) -> None:
    """Those that end within a week, and those that have ended until somebody gives them another time."""
    now = time.time()
    assert _found(api)["ends"]["detail"] == "no list ends"
    api.patch(f"/lists/{a_list}", {"expires_at": now + 8 * 86400})
    assert (_found(api)["ends"]["health"], "not within a week: 1" in _found(api)["ends"]["detail"]) == ("ok", True)
    api.patch(f"/lists/{a_list}", {"expires_at": now + 3 * 86400 + 60})
    found = _found(api)["ends"]
    assert (found["health"], f"{a_list} in 3 days" in found["detail"]) == ("warn", True)
    api.patch(f"/lists/{a_list}", {"expires_at": now + 1.5})
    until(lambda: api.get(f"/lists/{a_list}").json["mode"] == "off")
    found = _found(api)["ends"]
    assert (found["health"], f"have ended and block nothing: {a_list}" in found["detail"]) == ("warn", True)
    (turned_off, *_) = api.get(f"/audit?list={a_list}").json["acts"]
    assert (turned_off["who"], turned_off["about"]) == ("edgeward", {"mode": "off"})
    api.patch(f"/lists/{a_list}", {"expires_at": 0, "mode": "enforce"})
    assert _found(api)["ends"]["health"] == "ok"
