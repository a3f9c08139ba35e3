"""What of a takedown matched nothing."""

import time
from dataclasses import replace

import pytest
from tests.support.services import carry_out

from edgeward.operations import lists, takedowns
from edgeward.operations.order_totals import OrderSummary, ReceiptState
from edgeward.operations.services import Services
from edgeward.operations.takedown_summary import TakedownSummary, summarize
from edgeward.operations.takedowns import Requester, TakedownRequest
from edgeward.purging.orders import PurgeResult
from edgeward.settings.config import Config
from edgeward.types import Delivery, Fingerprint, HashList, Mode, Outcome, Scope, Sighting, Signal, Target

HOST = "photos.example"
SHA256 = Signal("sha256", "ab" * 32)
IMAGE = Fingerprint(SHA256.value, "image/jpeg", 9, (SHA256,))
SEEN = Target("http", HOST, "/u/seen.jpg")
TYPO = Target("https", HOST, "/u/sene.jpg")
BELOW, ELSEWHERE = Target("http", HOST, "/u/"), Target("http", HOST, "/v/")
NEVER = Signal("md5", "0" * 32)
ANA = Requester("ana", "api")


async def _placed(services: Services, asked: TakedownRequest) -> str:
    await services.sightings.write([Sighting(SEEN, IMAGE, time.time(), 0)])
    created = await takedowns.create(services, asked, ANA)
    assert created.status.progress.placed_at
    return created.status.takedown.id


async def _summary(services: Services, takedown_id: str) -> TakedownSummary:
    takedown, progress = await services.takedowns.get(takedown_id)
    ids = [order_id async for order_id in services.takedowns.all_orders(takedown_id)]
    return await summarize(services, takedown, progress, ids)


async def _answer(services: Services, removed: int | None, delivery: Delivery = Delivery.VERIFIED) -> None:
    """Every cache carries out every order, and says that it removed so many copies."""
    for name in services.caches:
        while orders := await services.orders.take(name, "tests", 100, 1):
            done = [Outcome(order.id, name, delivery, time.time(), removed=removed) for order in orders]
            await services.orders.record_results(name, [PurgeResult(each.order_id, each) for each in done])


@pytest.mark.parametrize(
    ("asked", "unmatched"),
    [
        (TakedownRequest(urls=(SEEN,)), []),
        (TakedownRequest(urls=(TYPO,)), [TYPO.url]),
        (TakedownRequest(urls=(SEEN, TYPO)), [TYPO.url]),
        (TakedownRequest(prefixes=(BELOW,)), []),
        (TakedownRequest(prefixes=(BELOW, ELSEWHERE)), [ELSEWHERE.url]),
        (TakedownRequest(signals=(SHA256,)), []),
        (TakedownRequest(signals=(NEVER,)), ["md5:" + "0" * 32]),
        (TakedownRequest(urls=(TYPO,), prefixes=(ELSEWHERE,), signals=(SHA256, NEVER)),
         [TYPO.url, "md5:" + "0" * 32, ELSEWHERE.url]),
    ],
)  # fmt: skip
async def test_what_was_never_seen_is_named(services: Services, asked: TakedownRequest, unmatched: list[str]) -> None:
    """Each URL, prefix and hash of its own. Where no cache had a copy, nothing is gone."""
    takedown_id = await _placed(services, asked)
    await _answer(services, removed=0)
    summary = await _summary(services, takedown_id)
    assert list(summary.unmatched) == unmatched
    # Without an order no cache was asked.
    assert summary.orders.state == ("found_nothing" if summary.orders.orders else "nothing")


OTHER_FORM = Target("http", HOST, "/u/s%C3%A9en.jpg")
NOWHERE = Target("http", HOST, "/u/s%C3%A9ne.jpg")


@pytest.mark.parametrize(
    ("written", "unmatched"),
    [
        (((SEEN, OTHER_FORM),), []),
        (((OTHER_FORM, SEEN),), []),
        (((TYPO, NOWHERE),), [TYPO.url]),
        (((SEEN, OTHER_FORM), (TYPO, NOWHERE), (OTHER_FORM,)), [TYPO.url, OTHER_FORM.url]),
    ],
)
async def test_a_written_url_is_matched_by_any_of_its_targets(
    services: Services, written: tuple[tuple[Target, ...], ...], unmatched: list[str]
) -> None:
    """It is unmatched only if none of the targets that it stands for matched, and is named once."""
    urls = tuple(dict.fromkeys(target for each in written for target in each))
    takedown_id = await _placed(services, TakedownRequest(urls=urls, written=written))
    await _answer(services, removed=0)
    summary = await _summary(services, takedown_id)
    assert list(summary.unmatched) == unmatched
    assert summary.orders.state is ReceiptState.FOUND_NOTHING


async def test_a_copy_of_any_target_of_a_written_url_matches_it(services: Services) -> None:
    """No copy was seen, and a cache says that it removed one of one target: the other is not named."""
    dotted = replace(TYPO, path="/x/.." + TYPO.path)
    takedown_id = await _placed(services, TakedownRequest(urls=(TYPO, dotted), written=((TYPO, dotted),)))
    for name in services.caches:
        for order in await services.orders.take(name, "tests", 100, 1):
            removed = int(order.target == TYPO)
            done = Outcome(order.id, name, Delivery.VERIFIED, time.time(), removed=removed)
            await services.orders.record_results(name, [PurgeResult(order.id, done)])
    summary = await _summary(services, takedown_id)
    assert (summary.orders.state, list(summary.unmatched)) == (ReceiptState.GONE, [])


async def test_a_url_in_both_schemes_is_two(services: Services) -> None:
    """Neither was seen, so nothing is gone."""
    both = (replace(TYPO, scheme="http"), TYPO)
    takedown_id = await _placed(services, TakedownRequest(urls=both))
    await _answer(services, removed=0)
    summary = await _summary(services, takedown_id)
    assert (summary.orders.state, list(summary.unmatched)) == (ReceiptState.FOUND_NOTHING, [url.url for url in both])


async def test_a_url_that_was_never_seen_and_was_cached_is_matched(services: Services) -> None:
    """A cache says that it removed a copy: the URL was right."""
    takedown_id = await _placed(services, TakedownRequest(urls=(TYPO,), prefixes=(ELSEWHERE,)))
    await _answer(services, removed=1)
    summary = await _summary(services, takedown_id)
    assert (summary.orders.state, list(summary.unmatched)) == (ReceiptState.GONE, [])


@pytest.mark.parametrize("delivery", [Delivery.VERIFIED, Delivery.DELIVERED])
async def test_nothing_matched_where_the_caches_do_not_tell(services: Services, delivery: Delivery) -> None:
    """Whether there was a copy is not known, and nothing is gone."""
    takedown_id = await _placed(services, TakedownRequest(urls=(TYPO,)))
    await _answer(services, removed=None, delivery=delivery)
    summary = await _summary(services, takedown_id)
    assert (summary.orders.state, list(summary.unmatched)) == (ReceiptState.NOTHING, [TYPO.url])


async def test_a_prefix_that_a_cache_cannot_purge_is_not_known_to_be_gone(services: Services) -> None:
    """What was seen below it is purged one by one. What was never seen may be left."""
    takedown_id = await _placed(services, TakedownRequest(prefixes=(BELOW,)))
    for name in services.caches:
        orders = await services.orders.take(name, "tests", 100, 1)
        done = [Outcome(order.id, name, Delivery.VERIFIED, time.time(), removed=1) for order in orders]
        done = [
            replace(each, delivery=Delivery.UNSUPPORTED, removed=None) if order.scope is Scope.PREFIX else each
            for order, each in zip(orders, done, strict=True)
        ]
        await services.orders.record_results(name, [PurgeResult(each.order_id, each) for each in done])
    summary = (await _summary(services, takedown_id)).orders
    assert (summary.state, summary.not_known, summary.copies) == (ReceiptState.UNKNOWN, {"inner": 1, "outer": 1}, 2)


async def test_what_is_owed_or_refused_is_said_first(services: Services) -> None:
    """A takedown that matched nothing may still turn out to have been cached."""
    takedown_id = await _placed(services, TakedownRequest(urls=(TYPO,)))
    assert (await _summary(services, takedown_id)).orders.state is ReceiptState.PURGING
    await carry_out(services, Delivery.REFUSED)
    assert (await _summary(services, takedown_id)).orders.state is ReceiptState.REFUSED


async def test_what_its_listing_matches_is_matched(services: Services) -> None:
    """A list may match more than the takedown's own search: its orders belong to the hash."""
    await lists.create(services, HashList("court", radius={"pdq": 60}), "ana", "")
    pdq = Signal("pdq", "0123456789abcdef" * 4, 90)
    far = Signal("pdq", f"{int(pdq.value, 16) ^ ((1 << 50) - 1):064x}", 90)
    await services.sightings.write([Sighting(SEEN, replace(IMAGE, signals=(SHA256, far)), time.time(), 0)])
    asked = TakedownRequest(signals=(pdq, NEVER), list="court")
    created = await takedowns.create(services, asked, ANA)
    summary = created.status.summary
    assert summary is not None
    assert list(summary.unmatched) == ["md5:" + "0" * 32]


async def test_a_summary_survives_its_text(services: Services) -> None:
    """For the same caches. Text that another Edgeward wrote, or for other caches, is none."""
    takedown_id = await _placed(services, TakedownRequest(urls=(SEEN, TYPO), prefixes=(BELOW,)))
    await _answer(services, removed=1)
    summary = await _summary(services, takedown_id)
    text = summary.to_json(services.caches)
    assert TakedownSummary.from_json(text, services.caches) == summary
    for other in (
        text.replace('"gone"', '"lingering"'),
        text.replace('"copies"', '"pieces"'),
        text[:-1],
        "",
        "[]",
        "{}",
    ):
        assert TakedownSummary.from_json(other, services.caches) is None
    assert TakedownSummary.from_json(text, ["inner"]) is None


@pytest.mark.parametrize(
    ("state", "seconds", "final"),
    [("gone", 100, True), ("gone", 50, False), ("nothing", 100, True), ("accepted", 100, True), ("unknown", 100, True),
     ("owed", 100, False), ("refused", 100, False), ("purging", 100, False), ("placing", 100, False)],
)  # fmt: skip
def test_a_summary_is_final_after_the_last_repeat(state: str, seconds: float, final: bool) -> None:
    """Seconds after the last order was placed, with a repeat after 20 and its margin. What is owed comes later."""
    orders = OrderSummary(ReceiptState(state), 1, {}, 1000.0 + seconds)
    assert TakedownSummary(orders).is_final(1000.0, (1.0, 20.0)) is final


async def test_hashes_listed_where_they_block_nothing(services: Services) -> None:
    """Nothing was purged, and the image may be cached from now on."""
    await lists.create(services, HashList("watch", mode=Mode.MONITOR), "ana", "")
    await lists.create(services, HashList("court"), "ana", "")
    for name, state in (("watch", ReceiptState.INACTIVE), ("court", ReceiptState.NOTHING)):
        takedown_id = await _placed(services, TakedownRequest(signals=(NEVER,), list=name))
        found = await _summary(services, takedown_id)
        assert (found.orders.state, found.unmatched) == (state, ["md5:" + "0" * 32])


async def test_what_is_not_scanned_is_named_where_it_concerns(services: Services) -> None:
    """A takedown of URLs concerns their hosts; one of hashes, and a listing, every host."""
    exceptions = Config.model_validate({"scan_exceptions": [{"hosts": ["law.test", "other.test"]}]}).scan_exceptions
    config = services.config.model_copy(update={"scan_exceptions": exceptions})
    there = replace(services, config=config)
    found = []
    for request in (
        TakedownRequest(urls=(Target("http", "law.test", "/a.jpg"),)),
        TakedownRequest(urls=(Target("http", "img.test", "/a.jpg"),)),
        TakedownRequest(signals=(Signal("md5", "1" * 32),)),
    ):
        made = await takedowns.create(services, request, ANA)
        status, _ = await takedowns.get(there, made.status.takedown.id)
        assert status.summary
        found.append(list(status.summary.orders.not_scanned))
    assert found == [["law.test"], [], ["law.test", "other.test"]]
