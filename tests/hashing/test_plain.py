"""What is known without decoding a picture."""

import gzip
import hashlib

from tests.hashing.pictures import jpeg

from edgeward.hashing.plain import plain
from edgeward.types import Flaw, Signal


def test_digests_size_and_type() -> None:
    """The digests asked for, the size, the media type and the flaw; the SHA-256 always."""
    body = jpeg()
    found = plain(body, ("md5", "pdq"), Flaw.TIMEOUT)
    assert (found.media_type, found.size, found.flaw) == ("image/jpeg", len(body), Flaw.TIMEOUT)
    assert found.sha256 == hashlib.sha256(body).hexdigest()
    assert found.signals == (Signal("md5", hashlib.md5(body).hexdigest()),)


def test_the_type_under_a_coding() -> None:
    """The digests are those of the coded body, the media type that of what lies under the coding."""
    coded = gzip.compress(jpeg())
    found = plain(coded, ("sha256",), None, ("gzip",))
    assert found.media_type == "image/jpeg"
    assert found.sha256 == hashlib.sha256(coded).hexdigest()


def test_no_image_has_no_type() -> None:
    """Text has the media type "", and so has what a broken coding hides."""
    assert plain(b"text", ()).media_type == ""
    assert plain(b"text", (), None, ("gzip",)).media_type == ""
