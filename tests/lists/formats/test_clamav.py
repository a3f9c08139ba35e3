"""Signatures of ClamAV."""

import io

from edgeward.lists.formats import BadRow, HashRow, LeftOut, ReadOptions, Row
from edgeward.lists.formats.clamav import FUZZY_IMAGE, OTHER, SECTION, looks_like, rows

MD5 = "9e107d9d372bb6826bd81d3542a419d6"
SHA1 = "2fd4e1c67a2d28fced849ee1bb76e7391b93eb12"
SHA256 = "d7a8fbb307d7809469ca9abcb0082e4f8d5651e46d3cdb762d02d0bf37c9e592"
IMAGE = "Logo.A;Engine:150-255,Target:0;0;fuzzy_img#af2ad01ed42993c7#0"


def read(text: str) -> list[Row]:
    return [*rows(io.BytesIO(text.encode()), ReadOptions())]


def test_digests_of_files() -> None:
    """The length tells the type, and the name of the signature is the reason; the size may be unknown."""
    text = f"# own\n{MD5}:12345:Img.Test-1\n{SHA1}:*:Img.Test-2:73\n{SHA256}:7:Img.Test-3:73:255\n\n{MD5}:x:a\n"
    assert read(text) == [
        HashRow(2, MD5, "md5", reason="Img.Test-1"),
        HashRow(3, SHA1, "sha1", reason="Img.Test-2"),
        HashRow(4, SHA256, "sha256", reason="Img.Test-3"),
        BadRow(6, "neither DIGEST:SIZE:NAME with 32, 40 or 64 digits nor a logical signature"),
    ]


def test_image_hashes_are_left_out_and_counted() -> None:
    """Each is one, since nothing shows that it equals phash. Other signatures are no images at all."""
    text = (
        f"{IMAGE}\nTwo;Target:0;0&1;fuzzy_img#af2ad01ed42993c7;fuzzy_img#0000000000000001#0\nText;Target:0;0;616263\n"
    )
    assert read(f"{text}10:{MD5}:Section\n") == [
        LeftOut(1, FUZZY_IMAGE),
        *[LeftOut(2, FUZZY_IMAGE)] * 2,
        LeftOut(3, OTHER),
        LeftOut(4, SECTION),
    ]


def test_it_is_recognised() -> None:
    """By a digest with size and name, or by an image hash."""
    for text in (f"{MD5}:1:a", f"# c\n{SHA256}:*:a:73", IMAGE):
        assert looks_like(text.encode()), text
    for text in ("", MD5, f"md5:{MD5}", f"{MD5}:a", "Text;Target:0;0;616263", f"{MD5}:1:"):
        assert not looks_like(text.encode()), text
