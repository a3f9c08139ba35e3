"""Digests are those of hashlib, in the given order."""

import hashlib

import pytest

from edgeward.hashing.digests import digest, digests
from edgeward.types import Signal


def test_digests_come_in_the_order_asked_for() -> None:
    """Each digest type gives one signal with hashlib's value; perceptual types are skipped."""
    found = digests(b"a picture", ("md5", "pdq", "sha256", "sha1"))
    assert found == tuple(
        Signal(name, hashlib.new(name, b"a picture").hexdigest()) for name in ("md5", "sha256", "sha1")
    )


def test_other_types_than_digests_are_refused() -> None:
    """Other digests than the three are refused, even if hashlib has them."""
    with pytest.raises(ValueError, match="sha512"):
        digest(b"", "sha512")
