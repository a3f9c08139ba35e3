"""Targets in JSON, and when they are equal; orders and their outcomes."""

from dataclasses import replace

import pytest

from edgeward.types import NO_TARGET, Cause, Delivery, Outcome, PurgeOrder, Target, distinct_targets, target_key


def test_round_trip() -> None:
    """A target is read from JSON as it was written."""
    target = Target("http", "a", "/\xe9?", (("accept", "b"),), 9)
    assert Target.from_json(target.to_json()) == target


def test_size_does_not_matter() -> None:
    """Targets are equal whatever their size."""
    assert Target("http", "a", "/", size=1) == Target("http", "a", "/", size=2)
    assert len({Target("http", "a", "/", size=1), Target("http", "a", "/", size=2)}) == 1


def test_equal_targets_are_one_with_the_largest_size() -> None:
    """In the order in which they first come."""
    one, other = Target("http", "a", "/1"), Target("http", "a", "/2", size=5)
    found = distinct_targets([replace(one, size=3), other, replace(one, size=9), replace(one, size=7), one])
    assert [(each, each.size) for each in found] == [(one, 9), (other, 5)]
    assert distinct_targets([]) == []


def test_an_order_says_when_it_was_placed() -> None:
    """Its id begins with the time in milliseconds; that may be long after the linger time began."""
    assert PurgeOrder(NO_TARGET, Cause.MANUAL, 1.0, id="1767225600500-3").placed_at == 1767225600.5


@pytest.mark.parametrize(
    ("delivery", "is_final", "is_carried_out"),
    [
        (Delivery.VERIFIED, True, True),
        (Delivery.DELIVERED, True, True),
        (Delivery.UNSUPPORTED, True, False),
        (Delivery.REFUSED, True, False),
        (Delivery.WAITING, False, False),
    ],
)
def test_an_outcome_is_final_or_a_copy_may_be_left(delivery: Delivery, is_final: bool, is_carried_out: bool) -> None:
    """A refusal is final, and the copy is still there."""
    outcome = Outcome("7-0", "one", delivery, 101.0)
    assert (outcome.is_final, outcome.is_carried_out) == (is_final, is_carried_out)


def test_two_targets_have_two_keys() -> None:
    """Targets that differ in any field but their size have different keys, and so has one target with other texts."""
    target = Target("http", "img.test", "/a.jpg", (("accept", "image/*"),), 5)
    others = [
        replace(target, scheme="https"),
        replace(target, host="img.tes"),
        replace(target, path="/a.jpg\udcff"),
        replace(target, path="t/a.jpg", host="img.tes"),
        replace(target, vary=()),
        replace(target, vary=(("accept", "image/*"), ("a", "b"))),
        replace(target, vary=(("accept", "image/*', 'a', 'b"),)),
    ]
    keys = {target_key(each, *more) for each in (target, *others) for more in ((), ("a",), ("a", "b"), ("a', 'b",))}
    assert len(keys) == 4 * (len(others) + 1)
    assert {len(key) for key in keys} == {16}
    assert target_key(replace(target, size=6)) == target_key(target)
