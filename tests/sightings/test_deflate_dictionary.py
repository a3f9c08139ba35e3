"""The dictionary that request headers are deflated with."""

import zlib

from edgeward.sightings.codec import unpack_target
from edgeward.sightings.deflate_dictionary import BROWSER_HEADERS
from edgeward.types import Target


def test_the_dictionary_stays() -> None:
    """The store holds data that was deflated with this dictionary: any change would make it unreadable."""
    assert zlib.crc32(BROWSER_HEADERS) == 1844747432
    packed = "0da08d0608696d672e74657374142f6d656469612f323032342f30352f612e6a706723e46800"
    vary = (("accept", "image/avif,image/webp,*/*"),)
    assert unpack_target(bytes.fromhex(packed)) == Target("https", "img.test", "/media/2024/05/a.jpg", vary)
