"""What became of many orders, and the state that follows: never "gone" unless every cache verified it."""

import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from tests.support.services import carry_out

from edgeward.operations.order_totals import OrderTotals, ReceiptState, add_up
from edgeward.operations.services import Services
from edgeward.operations.statements import EMPTIED, statement, unknowns
from edgeward.purging.key_records import KeyMismatch, KeyRecord
from edgeward.types import NO_TARGET, Cause, Delivery, Met, Outcome, PurgeOrder, Scope, Target

HOST = "photos.example"
IMAGE = "ab" * 32


def _order(age: float = 1, path: str = "/", **more: Any) -> PurgeOrder:
    at = time.time() - age
    order = PurgeOrder(Target("http", HOST, path), Cause.TAKEDOWN, at, id=f"{int(at * 1000)}-0")
    return replace(order, **more)


def _outcomes(order: PurgeOrder, deliveries: Mapping[str, Delivery]) -> dict[str, Outcome]:
    return {name: Outcome(order.id, name, each, time.time()) for name, each in deliveries.items()}


@pytest.mark.parametrize(
    ("deliveries", "age", "complete", "state"),
    [
        ({"a": Delivery.VERIFIED, "b": Delivery.VERIFIED}, 1, True, "gone"),
        ({"a": Delivery.VERIFIED, "b": Delivery.DELIVERED}, 1, True, "accepted"),
        ({"a": Delivery.DELIVERED, "b": Delivery.DELIVERED}, 60, True, "accepted"),
        ({"a": Delivery.VERIFIED, "b": Delivery.DELIVERED}, 1, False, "placing"),
        ({"a": Delivery.VERIFIED}, 1, True, "purging"),
        ({"a": Delivery.VERIFIED, "b": Delivery.WAITING}, 1, True, "purging"),
        ({"a": Delivery.VERIFIED}, 60, True, "owed"),
        ({"a": Delivery.VERIFIED, "b": Delivery.REFUSED}, 60, True, "refused"),
        ({"a": Delivery.REFUSED}, 60, True, "owed"),
        ({"a": Delivery.VERIFIED, "b": Delivery.UNSUPPORTED}, 60, True, "unknown"),
        ({"a": Delivery.REFUSED, "b": Delivery.UNSUPPORTED}, 60, True, "refused"),
    ],
)
def test_the_state_follows_the_caches(deliveries: dict[str, Delivery], age: float, complete: bool, state: str) -> None:
    """Gone only when every cache verified every purge. Accepted is not gone. Refusals and long silence are shown."""
    order = _order(age)
    totals = OrderTotals(["a", "b"])
    totals.add(order, _outcomes(order, deliveries))
    assert totals.summary(complete).state == state


def test_outcomes_are_added_up_by_cache() -> None:
    """Counts, the first and the last purge, and the longest linger of each cache and of all."""
    totals = OrderTotals(["a", "b"])
    for number, (delivery, at) in enumerate([(Delivery.VERIFIED, 103.0), (Delivery.DELIVERED, 101.0)]):
        order = PurgeOrder(Target("http", HOST, "/"), Cause.TAKEDOWN, 100.0, id=f"{number}-0")
        done = Outcome(order.id, "a", delivery, at)
        totals.add(order, {"a": done, "b": Outcome(order.id, "b", Delivery.REFUSED, at)})
    summary = totals.summary(complete=True)
    a, b = summary.caches["a"], summary.caches["b"]
    assert (a.verified, a.delivered, a.first_at, a.last_at, a.linger_seconds) == (1, 1, 101.0, 103.0, 3.0)
    assert (b.refused, b.first_at, b.linger_seconds) == (2, None, None)
    assert (summary.orders, summary.verified, summary.delivered, summary.refused) == (2, 1, 1, {"b": 2})
    assert (summary.first_at, summary.last_at, summary.linger_seconds, summary.owed) == (101.0, 103.0, 3.0, {})
    assert summary.accepted == {"a": 1}


def test_what_the_purges_met_is_added_up() -> None:
    """Copies that were removed, orders that found none, and those of which the cache does not tell."""
    totals = OrderTotals(["a"])
    for number, removed in enumerate((2, 3, 0, None)):
        order = _order(path=f"/{number}")
        totals.add(order, {"a": Outcome(order.id, "a", Delivery.VERIFIED, order.started_at, removed=removed)})
    summary = totals.summary(complete=True)
    assert summary.copies == summary.caches["a"].copies == 5
    assert summary.met == {Met.REMOVED: 2, Met.NONE: 1, Met.UNKNOWN: 1}


@pytest.mark.parametrize(
    ("removed", "state"),
    [((0, 0), "found_nothing"), ((1, 0), "gone"), ((0, None), "gone"), ((None, None), "gone")],
)
def test_gone_is_not_said_where_no_cache_had_a_copy(removed: tuple[int | None, ...], state: str) -> None:
    """Every cache was asked and none had a copy: nothing was found. Where one does not tell, that is not known."""
    order, totals = _order(), OrderTotals(["a", "b"])
    done = {
        name: Outcome(order.id, name, Delivery.VERIFIED, time.time(), removed=count)
        for name, count in zip("ab", removed, strict=True)
    }
    totals.add(order, done)
    summary = totals.summary(complete=True)
    assert (summary.state, summary.verified) == (state, 2)
    assert sum(total.found_nothing for total in summary.caches.values()) == removed.count(0)


def test_accepted_is_not_found_nothing() -> None:
    """A cache that can't be asked may have a copy, whatever it counted."""
    order, totals = _order(), OrderTotals(["a"], accepted_is_enough=["a"])
    totals.add(order, {"a": Outcome(order.id, "a", Delivery.DELIVERED, time.time(), removed=0)})
    summary = totals.summary(complete=True)
    assert (summary.state, summary.accepted, summary.accepted_is_enough) == ("accepted", {"a": 1}, ["a"])


def test_a_linger_time_from_two_clocks_is_not_known() -> None:
    """A purge from before its order: the clocks differ."""
    order, totals = _order(), OrderTotals(["a"])
    totals.add(order, {"a": Outcome(order.id, "a", Delivery.VERIFIED, order.started_at - 600)})
    assert totals.summary(complete=True).linger_seconds is None


def test_a_cache_that_was_removed_owes_nothing() -> None:
    """What it did is in the totals. What it did not do is owed by no one."""
    done, undone = _order(60), _order(50)
    totals = OrderTotals(["a"])
    for order, names in ((done, ("a", "old")), (undone, ("a",))):
        totals.add(order, _outcomes(order, dict.fromkeys(names, Delivery.VERIFIED)))
    summary = totals.summary(complete=True)
    assert (summary.state, summary.owed, summary.caches["old"].verified) == (ReceiptState.GONE, {}, 1)


def test_no_order_at_all_is_not_gone() -> None:
    """Where nothing matched, nothing is gone."""
    assert OrderTotals(["a"]).summary(complete=True).state is ReceiptState.NOTHING


@pytest.mark.parametrize(("orders", "state"), [(0, ReceiptState.NOTHING), (1, ReceiptState.UNKNOWN)])
def test_without_caches_nothing_is_gone(orders: int, state: ReceiptState) -> None:
    """A cache that Edgeward is not told of may have the copies that were seen."""
    nowhere = OrderTotals([])
    for _ in range(orders):
        nowhere.add(_order(), {})
    assert nowhere.summary(complete=False).state is ReceiptState.PLACING
    summary = nowhere.summary(complete=True)
    assert (summary.state, unknowns(summary)) == (state, ["no cache is configured: nothing was purged"])


@pytest.mark.parametrize(
    ("scope", "state"),
    [(Scope.TAG, "gone"), (Scope.PREFIX, "unknown"), (Scope.TARGET, "unknown")],
)
def test_what_a_cache_cannot_carry_out(scope: Scope, state: str) -> None:
    """A purge by prefix or of a target that a cache can't do leaves copies that may be there. One by tag does not: each
    known target of its image has its own order."""
    known, order = _order(60, "/known"), _order(60, scope=scope)
    totals = OrderTotals(["a"])
    totals.add(known, _outcomes(known, {"a": Delivery.VERIFIED}))
    totals.add(order, _outcomes(order, {"a": Delivery.UNSUPPORTED}))
    summary = totals.summary(complete=True)
    assert summary.state == state
    assert summary.not_known == ({} if scope is Scope.TAG else {"a": 1})
    assert summary.caches["a"].unsupported == 1


def test_why_a_cache_has_not_carried_out_an_order() -> None:
    """What it said to the last one; an order by tag that it can't do leaves nothing that is not known."""
    said = [
        (Scope.TARGET, Delivery.REFUSED, "status 501"),
        (Scope.PREFIX, Delivery.UNSUPPORTED, "not by prefix"),
        (Scope.TAG, Delivery.UNSUPPORTED, "not by tag"),
    ]
    totals = OrderTotals(["a"])
    for scope, delivery, detail in said:
        order = _order(scope=scope)
        totals.add(order, {"a": Outcome(order.id, "a", delivery, order.started_at, detail=detail)})
    total = totals.summary(complete=True).caches["a"]
    assert (total.refused_detail, total.unsupported_detail) == ("status 501", "not by prefix")


TAGGED = {"target": NO_TARGET, "scope": Scope.TAG, "tag": "ew-1", "sha256": IMAGE}
BELOW = {"scope": Scope.PREFIX, "sha256": IMAGE}


@pytest.mark.parametrize(
    ("orders", "forgotten"),
    [
        ([({**BELOW, "forgotten": 7}, Delivery.VERIFIED)], 0),
        ([({**BELOW, "forgotten": 7}, Delivery.DELIVERED)], 0),
        ([({**BELOW, "forgotten": 7}, Delivery.UNSUPPORTED)], 7),
        ([({**BELOW, "forgotten": 7}, Delivery.REFUSED)], 7),
        ([({**BELOW, "forgotten": 7}, None)], 7),
        ([({**BELOW, "forgotten": 7}, Delivery.UNSUPPORTED), (TAGGED, Delivery.VERIFIED)], 0),
        ([({**BELOW, "forgotten": 7}, Delivery.UNSUPPORTED), (TAGGED, Delivery.UNSUPPORTED)], 7),
        ([({**BELOW, "forgotten": 7}, Delivery.UNSUPPORTED), ({**TAGGED, "sha256": "cd" * 32}, Delivery.VERIFIED)], 7),
        ([({**TAGGED, "forgotten": 7}, Delivery.UNSUPPORTED)], 7),
        ([({**TAGGED, "forgotten": 7}, Delivery.VERIFIED)], 0),
        ([({**TAGGED, "forgotten": 7}, Delivery.UNSUPPORTED), ({**BELOW, "forgotten": 7}, Delivery.DELIVERED)], 0),
        ([({**TAGGED, "forgotten": 7}, Delivery.UNSUPPORTED), ({**BELOW, "forgotten": 7}, Delivery.UNSUPPORTED)], 7),
        ([({**BELOW, "sha256": "", "forgotten": 7}, Delivery.UNSUPPORTED), (TAGGED, Delivery.VERIFIED)], 7),
        ([({**BELOW, "forgotten": 7}, Delivery.UNSUPPORTED), ({**BELOW, "forgotten": 9}, Delivery.DELIVERED)], 0),
        ([({**BELOW, "forgotten": 7}, Delivery.DELIVERED), ({**BELOW, "forgotten": 9}, Delivery.UNSUPPORTED)], 9),
    ],
)
def test_forgotten_targets(orders: list[tuple[dict[str, object], Delivery | None]], forgotten: int) -> None:
    """They are gone where an order that stands for them was carried out, or one by the tag of their image."""
    totals = OrderTotals(["a", "other"])
    for more, delivery in orders:
        order = _order(60, **more)
        totals.add(order, _outcomes(order, {"other": Delivery.VERIFIED} | ({"a": delivery} if delivery else {})))
    summary = totals.summary(complete=True)
    assert summary.forgotten == ({"a": forgotten} if forgotten else {})
    if forgotten:
        assert summary.state not in (ReceiptState.GONE, ReceiptState.ACCEPTED)


@pytest.mark.parametrize("latest_first", [True, False])
def test_of_orders_for_one_place_the_latest_counts(latest_first: bool) -> None:
    """In whatever order they are added: an import of known hashes has their old orders last. Ids are no texts here."""
    old = PurgeOrder(Target("http", HOST, "/u/"), Cause.LISTING, 100.0, id="1000-9", scope=Scope.PREFIX, forgotten=7)
    latest = replace(old, id="1000-10")
    totals = OrderTotals(["a"])
    added = [(old, Delivery.UNSUPPORTED), (latest, Delivery.VERIFIED)]
    for order, delivery in reversed(added) if latest_first else added:
        totals.add(order, _outcomes(order, {"a": delivery}))
    assert totals.summary(complete=True).forgotten == {}


async def test_orders_are_read_in_batches(services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many there are. Orders that are no longer on record are left out."""
    monkeypatch.setattr("edgeward.operations.order_totals.BATCH_SIZE", 2)
    ids = await services.orders.place([_order(path=f"/{number}") for number in range(5)])
    await carry_out(services)
    summary = (await add_up(services, [*ids, "1-1"])).summary(complete=True)
    assert (summary.orders, summary.verified, summary.state) == (5, 10, ReceiptState.GONE)


@pytest.mark.parametrize(
    ("scope", "forgotten", "state"),
    [
        (Scope.PREFIX, 0, "nothing"),
        (Scope.PREFIX, 7, "nothing"),
        (Scope.TAG, 7, "nothing"),
        # A known target may have been stored again between the emptying and the statement.
        (Scope.TARGET, 0, "unknown"),
    ],
)
def test_emptied_caches_hold_nothing_that_is_not_known(scope: Scope, forgotten: int, state: str) -> None:
    """An order that a cache can't carry out, placed before every cache was emptied; not one placed after it, or nobody
    knows when."""
    order = _order(60, scope=scope, forgotten=forgotten, tag="t", sha256=IMAGE)
    for emptied_at, expected in ((time.time() - 30, state), (time.time() - 90, "unknown"), (0.0, "unknown")):
        totals = OrderTotals(["a"], emptied_at=emptied_at)
        totals.add(order, _outcomes(order, {"a": Delivery.UNSUPPORTED}))
        summary = totals.summary(complete=True)
        assert summary.state == expected
        assert (EMPTIED in statement(summary)) == (expected == "nothing")
    unknown_time = OrderTotals(["a"], emptied_at=time.time(), placed_at=lambda _: None)
    unknown_time.add(order, _outcomes(order, {"a": Delivery.UNSUPPORTED}))
    assert unknown_time.summary(complete=True).state == "unknown"
    lost_again = OrderTotals(["a"], store_lost=True, emptied_at=time.time())
    lost_again.add(order, _outcomes(order, {"a": Delivery.UNSUPPORTED}))
    assert lost_again.summary(complete=True).state == "unknown"


def test_what_is_owed_or_refused_stays_so_after_caches_were_emptied() -> None:
    """It can still be carried out."""
    order = _order(60, scope=Scope.PREFIX, forgotten=3)
    for delivery, state in ((Delivery.REFUSED, "refused"), (Delivery.WAITING, "owed")):
        totals = OrderTotals(["a"], emptied_at=time.time())
        totals.add(order, _outcomes(order, {"a": delivery}))
        assert totals.summary(complete=True).state == state


def test_forgotten_targets_have_hosts_and_causes() -> None:
    """Those of a host whose responses were lost, those of an image beyond the limits, and those of which neither is
    known. The hosts with the most come first; what is gone names none."""
    totals = OrderTotals(["a"])
    for number, (host, cause, sha256, delivery) in enumerate(
        (
            ("few.test", Cause.LISTING, "", Delivery.UNSUPPORTED),
            ("many.test", Cause.MATCH, IMAGE, Delivery.UNSUPPORTED),
            ("more.test", Cause.TAKEDOWN, "", Delivery.UNSUPPORTED),
            ("most.test", Cause.LISTING, "", Delivery.UNSUPPORTED),
            ("gone.test", Cause.LISTING, "", Delivery.VERIFIED),
            ("", Cause.LISTING, "", Delivery.UNSUPPORTED),
        ),
        1,
    ):
        target = Target("http", host, "/")
        order = PurgeOrder(
            target, cause, 100.0, sha256, id=f"{number}-0", scope=Scope.PREFIX, forgotten=number if host else 100
        )
        totals.add(order, _outcomes(order, {"a": delivery}))
    total = totals.summary(complete=True).caches["a"]
    assert (total.forgotten, total.forgotten_lost, total.forgotten_beyond_limits) == (110, 105, 2)
    assert (total.forgotten_hosts, total.forgotten_host_count) == (["most.test", "more.test", "many.test"], 4)


def test_a_cache_with_another_key_is_never_said_to_be_clean() -> None:
    """Purges by target do not find every copy there. A purge by the image's tag does, whatever the key."""
    order = _order(sha256=IMAGE)
    verified = _outcomes(order, {"a": Delivery.VERIFIED, "b": Delivery.VERIFIED})
    keys = {name: KeyRecord(KeyMismatch((), "copies were found for other phones", "", "check")) for name in ("b", "c")}
    totals = OrderTotals(["a", "b"], keys=keys)
    totals.add(order, verified)
    summary = totals.summary(complete=True)
    assert summary.state == "unknown"
    assert unknowns(summary) == [
        "b stores copies under keys that purges do not have (copies were found for other phones)"
    ]
    tag = _order(sha256=IMAGE, scope=Scope.TAG, target=NO_TARGET, tag="ew-1")
    totals.add(tag, _outcomes(tag, {"a": Delivery.VERIFIED, "b": Delivery.VERIFIED}))
    assert totals.summary(complete=True).state == "gone"


def test_a_key_that_is_mended_leaves_the_orders_of_before_in_doubt() -> None:
    """They say until when, and what to do. Orders that were placed since are as good as any."""
    until = 1_000.0
    past = KeyMismatch(("cookie",), "copies were found for other cookies", "", "check")
    for placed_at, state in ((until - 1, "unknown"), (until + 1, "gone")):
        order = _order(id=f"{placed_at * 1000:.0f}-0")
        totals = OrderTotals(["a"], keys={"a": KeyRecord(past=past, past_until=until)})
        totals.add(order, _outcomes(order, {"a": Delivery.VERIFIED}))
        summary = totals.summary(complete=True)
        assert summary.state == state
        assert unknowns(summary) == (
            [
                "a stored copies under keys that purges did not have (copies were found for other cookies) until "
                "1970-01-01 00:16:40 UTC, and they may still be there: empty it, and then say so: "
                "edgeward caches emptied a"
            ]
            if state == "unknown"
            else []
        )


def test_a_key_that_was_never_checked_is_named() -> None:
    """The state stays: nothing speaks against it."""
    for unchecked, line in ((["a"], "Not checked yet: whether the cache key of a is that of purges"), ([], "")):
        order = _order()
        totals = OrderTotals(["a", "b"], unchecked_keys=unchecked)
        totals.add(order, _outcomes(order, {"a": Delivery.VERIFIED, "b": Delivery.VERIFIED}))
        summary = totals.summary(complete=True)
        assert summary.state == "gone"
        assert line in statement(summary)
        assert ("Not checked" in statement(summary)) == bool(unchecked)
