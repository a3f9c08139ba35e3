"""Fingerprints without decoding a picture."""

import gzip
import hashlib

from tests.hashing.pictures import jpeg

from edgeward.hashing.undecoded_fingerprint import undecoded_fingerprint
from edgeward.types import Flaw, Signal


def test_digests_size_and_type() -> None:
    """The digests asked for, the size, the media type and the flaw; the SHA-256 always."""
    body = jpeg()
    found = undecoded_fingerprint(body, ("md5", "pdq"), Flaw.TIMEOUT)
    assert (found.media_type, found.size, found.flaw) == ("image/jpeg", len(body), Flaw.TIMEOUT)
    assert found.sha256 == hashlib.sha256(body).hexdigest()
    assert found.signals == (Signal("md5", hashlib.md5(body).hexdigest()),)


def test_the_type_under_a_coding() -> None:
    """The digests are those of the coded body, the media type that of the decoded body."""
    coded = gzip.compress(jpeg())
    found = undecoded_fingerprint(coded, ("sha256",), None, ("gzip",))
    assert found.media_type == "image/jpeg"
    assert found.sha256 == hashlib.sha256(coded).hexdigest()


def test_no_image_has_no_type() -> None:
    """Text has the media type "", and so has a body under a broken coding."""
    assert undecoded_fingerprint(b"text", ()).media_type == ""
    assert undecoded_fingerprint(b"text", (), None, ("gzip",)).media_type == ""
