"""A request survives its way to a hasher."""

from edgeward.hashing.request import HashRequest
from edgeward.types import View


def test_round_trip() -> None:
    """What the parent asks is what the hasher reads."""
    asked = HashRequest(("gzip", "br"), True, frozenset({View.TURNED, View.SEARCHED}), "image/svg+xml; charset=x")
    assert HashRequest.from_json(asked.to_json()) == asked
    assert HashRequest.from_json(HashRequest().to_json()) == HashRequest()
