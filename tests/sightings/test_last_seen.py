"""The number that the store holds with a target."""

from edgeward.sightings.last_seen import MAX_REPEATS, last_seen, repeats, seen_again

AT = 1_790_000_000


def test_a_target_that_was_recorded_once() -> None:
    """Its number is the second when it was seen: what earlier releases wrote can be read."""
    assert (last_seen(b"1790000000"), repeats(b"1790000000")) == (AT, 0)


def test_counts_repeats() -> None:
    """Each further sighting counts, the latest second stays, and the count has a limit."""
    stored = seen_again(str(AT).encode(), AT + 5)
    assert (last_seen(stored), repeats(stored)) == (AT + 5, 1)
    stored = seen_again(stored, AT + 2)
    assert (last_seen(stored), repeats(stored)) == (AT + 5, 2)
    most = seen_again(MAX_REPEATS * 2**32 + AT, AT)
    assert (last_seen(most), repeats(most)) == (AT, MAX_REPEATS)
    assert int(float(most)) == most
