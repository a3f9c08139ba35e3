"""The words for caches that no controller has."""

from edgeward.types.absent_caches import ADVICE, what_to_do


def test_the_command_that_writes_it_off_is_named() -> None:
    """With the name of the cache, so that it can be copied."""
    assert "`edgeward caches forget second`" in what_to_do("second")
    assert "edgeward caches forget" in ADVICE
