"""Targets, orders and changes survive their way through JSON."""

from edgeward.types import Target


def test_round_trip() -> None:
    """What was written is read back equal."""
    target = Target("http", "a", "/\xe9?", (("accept", "b"),), 9)
    assert Target.from_json(target.to_json()) == target


def test_size_is_no_part_of_a_target() -> None:
    """The same target with another size is the same target."""
    assert Target("http", "a", "/", size=1) == Target("http", "a", "/", size=2)
    assert len({Target("http", "a", "/", size=1), Target("http", "a", "/", size=2)}) == 1
