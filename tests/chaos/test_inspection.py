"""What counts as done at the end of a run."""

import pytest
from tests.chaos.inspection import is_final
from tests.chaos.stored_orders import Order


@pytest.mark.parametrize(
    ("scope", "delivery", "final"),
    [
        ("target", "verified", True), ("target", "delivered", True), ("target", "unsupported", False),
        ("target", "refused", False), ("target", None, False), ("prefix", "verified", True),
        ("prefix", "unsupported", True), ("tag", "unsupported", True), ("prefix", "refused", False),
        ("tag", None, False),
    ],
)  # fmt: skip
def test_what_a_cache_has_done(scope: str, delivery: str | None, final: bool) -> None:
    """A target must be gone; what a cache can't do by prefix or tag, other orders do target by target."""
    data = {} if scope == "target" else {"scope": scope}
    assert is_final(Order("1-0", data, {}), delivery) is final
