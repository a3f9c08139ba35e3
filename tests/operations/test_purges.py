"""Purges by hand, and who owes an order."""

import asyncio
import time

import pytest
from tests.support.eventually import eventually
from tests.support.services import carry_out

from edgeward.errors import NotFound
from edgeward.operations import purges
from edgeward.operations.services import Services
from edgeward.purging.orders import PurgeResult
from edgeward.types import Cause, Delivery, Fingerprint, Outcome, PurgeOrder, Scope, Sighting, Signal, Target

URL = Target("http", "photos.example", "/a.jpg")
ORDER = PurgeOrder(URL, Cause.MANUAL, 100.0, id="7-0")
IMAGE = Fingerprint("ab" * 32, "image/jpeg", 9, (Signal("sha256", "ab" * 32),))


@pytest.mark.parametrize("delivery", Delivery)
def test_a_cache_owes_an_order_until_its_outcome_is_final(delivery: Delivery) -> None:
    """Only WAITING is not final. A refused order will not be carried out, but is answered."""
    outcome = Outcome("7-0", "one", delivery, 101.0)
    waiting = delivery is Delivery.WAITING
    assert purges.status_of(ORDER, {"one": outcome}, ["one"]).owed == (["one"] if waiting else [])


@pytest.mark.parametrize(
    ("delivery", "lingers"),
    [
        (Delivery.VERIFIED, 1.5),
        (Delivery.DELIVERED, 1.5),
        (Delivery.UNSUPPORTED, None),
        (Delivery.REFUSED, None),
        (Delivery.WAITING, None),
    ],
)
def test_only_an_order_that_was_carried_out_has_a_linger_time(delivery: Delivery, lingers: float | None) -> None:
    """From before its order it can't be: clocks differ, and it is not known. A cache without an outcome has none."""
    late, early = Outcome("7-0", "late", delivery, 101.5), Outcome("7-0", "early", delivery, 99.0)
    status = purges.status_of(ORDER, {"late": late, "early": early}, ["late", "early"])
    assert status.linger_seconds("late") == lingers
    assert status.linger_seconds("early") is None
    assert status.linger_seconds("other") is None


def test_a_cache_without_an_outcome_owes_the_order() -> None:
    """Silence is not success. A cache that is no longer configured owes nothing."""
    old = Outcome("7-0", "old", Delivery.WAITING, 101.0)
    assert purges.status_of(ORDER, {"old": old}, ["one", "two"]).owed == ["one", "two"]


async def test_every_form_and_variant_seen_is_ordered_once(services: Services) -> None:
    """And the URL as given, seen or not, also where it is given twice."""
    variant = Target("http", "photos.example", "/a.jpg", (("accept", "image/webp"),))
    query = Target("http", "photos.example", "/a.jpg?w=1")
    await services.sightings.write([Sighting(each, IMAGE, time.time(), 0) for each in (variant, query)])
    placed = (await purges.create(services, [[URL], [URL]], "ana", "asked to")).orders
    assert len(placed) == 3
    assert {each.order.target for each in placed} == {URL, variant, query}
    assert {(each.order.by, each.order.why, each.order.cause) for each in placed} == {("ana", "asked to", Cause.MANUAL)}
    assert placed[0].owed == ["inner", "outer"]


async def test_forgotten_forms_are_purged_by_prefix(services: Services) -> None:
    """A manual purge of a URL stands for its forgotten queries too."""
    forms = [Target("http", URL.host, f"{URL.path}?{number}") for number in range(3)]
    await services.sightings.forgotten.remember_of_image(bytes(16), forms)
    placed = [each.order for each in (await purges.create(services, [[URL]], "ana", "asked to")).orders]
    found = [(each.target.path, each.forgotten, each.by) for each in placed if each.scope is Scope.PREFIX]
    assert found == [(URL.path, 3, "ana")]


OTHER_FORM = Target("http", URL.host, "/%C3%A9.jpg")
OTHER = Target("http", URL.host, "/b.jpg")


@pytest.mark.parametrize("seen", [URL, OTHER_FORM])
async def test_a_url_that_stands_for_several_targets_is_matched_by_any(services: Services, seen: Target) -> None:
    """As browsers request it, or as it is written. Another URL is named, once."""
    await services.sightings.write([Sighting(seen, IMAGE, time.time(), 0)])
    ordered = await purges.create(services, [[URL, OTHER_FORM], [OTHER]], "ana", "", timeout=0.05)
    assert list(ordered.unmatched) == [OTHER.url]


async def test_a_url_of_which_no_target_was_seen_is_named_once(services: Services) -> None:
    """By the target that browsers request. A cache that removed a copy of the other one knows better."""
    waiting = asyncio.create_task(purges.create(services, [[URL, OTHER_FORM]], "ana", "", timeout=0.05))
    assert list((await waiting).unmatched) == [URL.url]
    waiting = asyncio.create_task(purges.create(services, [[URL, OTHER_FORM]], "ana", "", timeout=60.0))

    async def is_answered() -> bool:
        for name in services.caches:
            for order in await services.orders.take(name, "tests", 100, 1):
                removed = int(order.target == OTHER_FORM)
                done = Outcome(order.id, name, Delivery.VERIFIED, time.time(), removed=removed)
                await services.orders.record_results(name, [PurgeResult(order.id, done)])
        return waiting.done()

    await eventually(is_answered, "the answer")
    ordered = await waiting
    assert (list(ordered.unmatched), ordered.summary.state) == ([], "gone")


async def test_orders_are_found_with_what_each_cache_did(services: Services) -> None:
    """By id and among the latest; waited for, the result is of what was done in that time."""
    first, second = [(await purges.create(services, [[URL]], "ana", why)).orders[0].order.id for why in ("1", "2")]
    await carry_out(services, cache="inner")
    assert (await purges.get(services, first)).owed == ["outer"]
    assert [each.order.id for each in await purges.recent(services, 10)] == [second, first]
    assert [each.order.id for each in await purges.get_many(services, [first, "1-1", second])] == [first, second]
    (waited,) = (await purges.create(services, [[URL]], "ana", "3", timeout=0.05)).orders
    assert waited.owed == ["inner", "outer"]
    with pytest.raises(NotFound, match="1-1"):
        await purges.get(services, "1-1")
