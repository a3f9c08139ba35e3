"""The enumerations agree with each other."""

from edgeward.types import Flaw, Reason


def test_flaws_are_reasons() -> None:
    """Every flaw can be the reason of a verdict."""
    assert {flaw.value for flaw in Flaw} <= {reason.value for reason in Reason}
