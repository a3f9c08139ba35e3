"""Why a pull failed."""

from edgeward.sources.source_failure import SourceFailed


def test_a_failure_may_say_when_to_come_back() -> None:
    """Its text is for people."""
    assert (str(SourceFailed("away", 7.0)), SourceFailed("away", 7.0).retry_after) == ("away", 7.0)
    assert SourceFailed("away").retry_after is None
