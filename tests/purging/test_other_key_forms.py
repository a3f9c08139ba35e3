"""Purges that meet nothing, at real Varnishes with more in their keys."""

import itertools
import time
from dataclasses import replace
from pathlib import Path

import pytest
from tests.purging.samples import metric_value
from tests.purging.scripted import ScriptedCache
from tests.store.server import Server
from tests.support.changed_varnish import Cold, started
from tests.support.programs import require
from tests.support.real_caches import settings

from edgeward.caches import CacheDriver, Purged, driver_for
from edgeward.caches.key_forms import PHONE, USUAL_FORMS, forms_of
from edgeward.caches.nginx import Nginx
from edgeward.demo.caches import CacheServer
from edgeward.demo.http_client import ask
from edgeward.purging.key_mismatches import KeyMismatches
from edgeward.purging.other_key_forms import MAX_TRIES, SEEN_SECONDS, OtherKeyForms
from edgeward.purging.schedule_clock import ScheduleClock
from edgeward.store.connection import Store
from edgeward.types import Cause, Delivery, PurgeOrder, Target
from edgeward.types.accepted_purges import UNDER_ANOTHER_KEY

HOST = "img.test"
BY_DEVICE = 'sub vcl_hash { if (req.http.User-Agent ~ "Mobile") { hash_data("m"); } }'
BY_SCHEME = "sub vcl_hash { hash_data(req.http.X-Forwarded-Proto); }"


def request(cache: CacheServer, path: str, headers: dict[str, str]) -> str:
    """X-Cache of a GET."""
    address = f"{cache.address[0]}:{cache.address[1]}"
    answer = ask(address, path, headers={"Host": HOST, "Accept": "*/*", **headers})
    return dict(answer.headers)["X-Cache"]


def order(path: str, seen_seconds_ago: float = 1.0) -> PurgeOrder:
    now = time.time()
    return PurgeOrder(
        Target("http", HOST, path), Cause.LISTING, now, "a" * 64, id="1-0", seen_at=now - seen_seconds_ago
    )


async def purge(forms: OtherKeyForms, driver: CacheDriver, *orders: PurgeOrder) -> list[Purged]:
    return await forms.purge(driver, orders, await driver.purge(orders))


@pytest.mark.parametrize(
    ("code", "header", "headers"),
    [
        (BY_DEVICE, "user-agent", {"User-Agent": "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1) Mobile/15E148"}),
        (BY_SCHEME, "x-forwarded-proto", {"X-Forwarded-Proto": "https"}),
    ],
)
async def test_a_copy_under_another_key_is_found_and_told(
    cold: Cold, store: Store, code: str, header: str, headers: dict[str, str]
) -> None:
    """It is purged, the outcome is not called verified, and from then on every purge of that cache has these forms."""
    cache, mismatches = started(cold, code), KeyMismatches(store, ScheduleClock(store))
    driver, forms = driver_for(settings(cache)), OtherKeyForms("keyed", mismatches)
    for path in ("/a", "/b"):
        request(cache, path, headers)
        assert request(cache, path, headers) == "HIT"
    (found,) = await purge(forms, driver, order("/a"))
    assert (found.delivery, found.detail, found.count) == (Delivery.DELIVERED, UNDER_ANOTHER_KEY, 1)
    assert request(cache, "/a", headers) == "MISS"
    assert (await mismatches.all())["keyed"].headers == (header,)
    assert metric_value("edgeward_cache_key_mismatch", cache="keyed") == 1
    # Another controller learns of it, and also purges what was not seen lately.
    other = OtherKeyForms("keyed", mismatches)
    await other.refresh()
    (found,) = await purge(other, driver, order("/b", 2 * SEEN_SECONDS))
    assert (found.delivery, found.count) == (Delivery.DELIVERED, 1)
    assert request(cache, "/b", headers) == "MISS"
    await driver.close()


async def test_what_was_met_or_not_seen_lately_is_not_tried_again(store: Store) -> None:
    """Only a purge that met nothing, where a copy was seen moments ago, is in doubt."""
    driver = ScriptedCache(all_variants=True)
    forms = OtherKeyForms("edge", KeyMismatches(store, ScheduleClock(store)))
    for seconds, count in ((1.0, 1), (2 * SEEN_SECONDS, 0), (1.0, None)):
        result = Purged(Delivery.VERIFIED, 200, count=count)
        assert await forms.purge(driver, [order("/x", seconds)], [result]) == [result]
    assert not driver.calls
    assert not await KeyMismatches(store, ScheduleClock(store)).take_doubt("edge")


async def test_a_cache_with_the_key_of_purges_is_only_doubted(cold: Cold, store: Store) -> None:
    """Where no form meets anything, nothing more is known: the outcome stays, and a check is due soon."""
    cache, mismatches = started(cold), KeyMismatches(store, ScheduleClock(store))
    driver, forms = driver_for(settings(cache)), OtherKeyForms("edge", mismatches)
    (found,) = await purge(forms, driver, order("/nothing"))
    assert (found.delivery, found.count) == (Delivery.VERIFIED, 0)
    assert await mismatches.all() == {}
    assert await mismatches.take_doubt("edge")
    await driver.close()


async def test_what_is_found_while_the_store_is_away_is_written_later(tmp_path: Path) -> None:
    """The cache has carried out its purges: their results stand, and with them what they have met."""
    server = Server(tmp_path, require("redis-server"))
    await server.start()
    store = await Store.connect(server.url, timeout_ms=200)
    mismatches, nothing = KeyMismatches(store, ScheduleClock(store)), Purged(Delivery.VERIFIED, 404, count=0)
    counts = itertools.count()
    empty, other_key = ScriptedCache(all_variants=True), ScriptedCache(lambda _: replace(nothing, count=next(counts)))
    other_key.abilities = empty.abilities
    doubting, forms = OtherKeyForms("doubted", mismatches), OtherKeyForms("edge", mismatches)
    server.kill()
    assert await doubting.purge(empty, [order("/x")], [nothing]) == [nothing]
    (found,) = await forms.purge(other_key, [order("/x")], [nothing])
    assert (found.delivery, found.detail) == (Delivery.DELIVERED, UNDER_ANOTHER_KEY)
    await server.start()
    await doubting.refresh()
    await forms.refresh()
    assert await mismatches.take_doubt("doubted")
    assert set((await mismatches.all())["edge"].headers) >= {"user-agent"}
    await store.close()
    server.kill()


async def test_what_was_stored_in_between_tells_of_no_other_key(store: Store) -> None:
    """A client may have asked for it between the purge and those in other forms: the same purge meets it too."""
    mismatches, nothing = KeyMismatches(store, ScheduleClock(store)), Purged(Delivery.VERIFIED, 404, count=0)
    driver = ScriptedCache(lambda _: replace(nothing, count=1), all_variants=True)
    forms = OtherKeyForms("edge", mismatches)
    assert await forms.purge(driver, [order("/x")], [nothing]) == [replace(nothing, count=1)]
    assert await mismatches.all() == {}


async def test_a_purge_without_headers_is_not_repeated(store: Store) -> None:
    """What the same purge met a moment later was stored in between, and tells of no other key. It is only doubted."""
    mismatches, nothing = KeyMismatches(store, ScheduleClock(store)), Purged(Delivery.VERIFIED, 404, count=0)
    driver = ScriptedCache(lambda _: replace(nothing, count=1), all_variants=True, sends_headers=False)
    assert await OtherKeyForms("edge", mismatches).purge(driver, [order("/x")], [nothing]) == [nothing]
    assert not driver.tries
    assert await mismatches.all() == {}
    assert await mismatches.take_doubt("edge")
    assert not Nginx.abilities.sends_headers


async def test_tries_are_limited(store: Store) -> None:
    """A cache that rightly has nothing of most targets is not asked eight times for each."""
    driver = ScriptedCache(all_variants=True)
    forms = OtherKeyForms("edge", KeyMismatches(store, ScheduleClock(store)))
    nothing = Purged(Delivery.VERIFIED, 404, count=0)
    orders = [order(f"/{number}") for number in range(10 * MAX_TRIES)]
    await forms.purge(driver, orders, [nothing] * len(orders))
    assert MAX_TRIES <= len(driver.tries) / len(USUAL_FORMS) < 5 * MAX_TRIES


async def test_a_header_that_vary_names_is_no_part_of_the_key(store: Store) -> None:
    """Its variants have orders of their own: the purge of one must not be taken for that of another."""
    driver = ScriptedCache(all_variants=True)
    forms = OtherKeyForms("edge", KeyMismatches(store, ScheduleClock(store)))
    varying = replace(order("/x"), target=Target("http", HOST, "/x", (("User-Agent", "curl"),)))
    await forms.purge(driver, [varying], [Purged(Delivery.VERIFIED, 404, count=0)])
    assert len(driver.tries) == 1 + len(USUAL_FORMS) - len(forms_of(["user-agent"]))
    # Squid purges each variant by itself: every other form of such a target may be a variant of it.
    driver = ScriptedCache(all_variants=False)
    await forms.purge(driver, [varying], [Purged(Delivery.VERIFIED, 404, count=0)])
    assert not driver.tries


def test_phones_are_among_the_forms() -> None:
    """As a key by device tells them: by a word that all phones send."""
    assert "Mobile" in PHONE
