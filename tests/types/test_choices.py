"""Every word that stands for another of the same name is there."""

from edgeward.types import Flaw, Reason


def test_flaws_are_reasons() -> None:
    """What kept an image from being hashed can be the reason of a verdict."""
    assert {flaw.value for flaw in Flaw} <= {reason.value for reason in Reason}
