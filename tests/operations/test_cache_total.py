"""What one cache did with many orders."""

from edgeward.operations.cache_total import CacheTotal
from edgeward.types import Cause, Delivery, Met, Outcome, PurgeOrder, Scope, Target

ORDER = PurgeOrder(Target("http", "photos.example", "/a"), Cause.TAKEDOWN, 100.0, id="1-0")


def test_each_outcome_is_counted_once() -> None:
    """By what became of the order; times are those of the orders that were carried out."""
    total = CacheTotal()
    for delivery in Delivery:
        total.add(ORDER, Outcome("1-0", "a", delivery, 103.0, removed=2 if delivery is Delivery.VERIFIED else None))
    total.add(ORDER, None)
    counts = (total.verified, total.delivered, total.unsupported, total.refused, total.owed)
    assert counts == (1, 1, 1, 1, 2)
    assert (total.copies, total.met[Met.UNKNOWN], total.linger_seconds) == (2, 1, 3.0)


def test_targets_that_it_cannot_purge_have_names() -> None:
    """The first three, each once, without what no terminal can print; a prefix ends in a star."""
    total = CacheTotal()
    for number, path in enumerate(("/a", "/a", "/b\x1b", "/c", "/d")):
        scope = Scope.PREFIX if number == 2 else Scope.TARGET
        order = PurgeOrder(Target("http", "photos.example", path), Cause.TAKEDOWN, 100.0, scope=scope, id=f"{number}-0")
        total.add(order, Outcome(order.id, "a", Delivery.UNSUPPORTED, 103.0))
    names = [f"http://photos.example/{name}" for name in ("a", "b\N{REPLACEMENT CHARACTER}*", "c")]
    assert (total.not_known, total.unsupported_targets, total.unsupported_seen) == (5, names, True)
