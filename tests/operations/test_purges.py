"""Purges by hand, and who owes an order."""

import time

import pytest
from tests.support.services import carry_out

from edgeward.errors import NotFound
from edgeward.operations import purges
from edgeward.operations.services import Services
from edgeward.types import Cause, Delivery, Fingerprint, Outcome, PurgeOrder, Sighting, Signal, Target

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
    [(Delivery.VERIFIED, 1.5), (Delivery.DELIVERED, 1.5), (Delivery.REFUSED, None), (Delivery.WAITING, None)],
)
def test_only_a_copy_that_is_gone_has_a_linger_time(delivery: Delivery, lingers: float | None) -> None:
    """Never less than 0: clocks differ. A cache without an outcome has none."""
    late, early = Outcome("7-0", "late", delivery, 101.5), Outcome("7-0", "early", delivery, 99.0)
    status = purges.status_of(ORDER, {"late": late, "early": early}, ["late", "early"])
    assert status.linger_seconds("late") == lingers
    assert status.linger_seconds("early") == (None if lingers is None else 0.0)
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
    placed = await purges.create(services, [URL, URL], "ana", "asked to")
    assert len(placed) == 3
    assert {each.order.target for each in placed} == {URL, variant, query}
    assert {(each.order.by, each.order.why, each.order.cause) for each in placed} == {("ana", "asked to", Cause.MANUAL)}
    assert placed[0].owed == ["inner", "outer"]


async def test_orders_are_found_with_what_each_cache_did(services: Services) -> None:
    """By id and among the latest; waited for, the result is of what was done in that time."""
    first, second = [(await purges.create(services, [URL], "ana", why))[0].order.id for why in ("1", "2")]
    await carry_out(services, cache="inner")
    assert (await purges.get(services, first)).owed == ["outer"]
    assert [each.order.id for each in await purges.recent(services, 10)] == [second, first]
    assert [each.order.id for each in await purges.get_many(services, [first, "1-1", second])] == [first, second]
    (waited,) = await purges.create(services, [URL], "ana", "3", timeout=0.05)
    assert waited.owed == ["inner", "outer"]
    with pytest.raises(NotFound, match="1-1"):
        await purges.get(services, "1-1")
