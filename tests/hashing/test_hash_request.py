"""A request is the same after JSON."""

from edgeward.hashing.hash_request import HashRequest
from edgeward.types import View


def test_round_trip() -> None:
    """The hasher reads what the parent wrote."""
    asked = HashRequest(("gzip", "br"), True, frozenset({View.DIHEDRAL, View.GEOMETRY}), "image/svg+xml; charset=x")
    assert HashRequest.from_json(asked.to_json()) == asked
    assert HashRequest.from_json(HashRequest().to_json()) == HashRequest()
