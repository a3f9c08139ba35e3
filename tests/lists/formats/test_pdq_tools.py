"""Output of the PDQ tools."""

import io

import pytest

from edgeward.lists.formats import BadRow, HashRow, ReadOptions, Row
from edgeward.lists.formats.pdq_tools import looks_like, rows

PDQ = "f8f8f0cee0f4a84f06370a22038f63f0b36e2ed596621e1d33e6b39c4e9c9b22"
OTHER = PDQ[::-1]


def read(text: str) -> list[Row]:
    return [*rows(io.BytesIO(text.encode()), ReadOptions())]


def test_hash_quality_and_name() -> None:
    """The quality may be missing; a name may hold commas or be a number; with the rotations, each hash is read."""
    eight = ",".join([PDQ, *[OTHER] * 7])
    assert read(f"{PDQ},100,a, b.jpg\n{PDQ},a.jpg\n\n{PDQ}\n{PDQ},90,7\n{eight},80,c\n{PDQ},2024.jpg") == [
        HashRow(1, PDQ, "pdq", "100"),
        HashRow(2, PDQ, "pdq"),
        HashRow(4, PDQ, "pdq"),
        HashRow(5, PDQ, "pdq", "90"),
        HashRow(6, PDQ, "pdq", "80"),
        *[HashRow(6, OTHER, "pdq", "80")] * 7,
        HashRow(7, PDQ, "pdq"),
    ]


def test_details() -> None:
    """Fields by name, in any order before the file name, whose commas and fields do not count."""
    text = (
        f"hash={PDQ},norm=128,delta=0,quality=87,filename=a,quality=1.jpg\n"
        f"hash={PDQ},quality=87,orig={PDQ},rot90={OTHER},filename=b\nhash={PDQ},xform=rot90,filename=c\n"
    )
    assert read(text) == [
        HashRow(1, PDQ, "pdq", "87"),
        HashRow(2, PDQ, "pdq", "87"),
        HashRow(2, OTHER, "pdq", "87"),
        HashRow(3, PDQ, "pdq"),
    ]


@pytest.mark.parametrize("line", ["hello", f"{PDQ[1:]},100,a", f"hash={PDQ}", "hash=12,filename=a", f"{PDQ} a"])
def test_bad_lines(line: str) -> None:
    """Anything else is reported, and not repeated."""
    why = "neither HASH,QUALITY,NAME nor hash=HASH,...,filename=NAME with a hash of 64 digits"
    assert read(f"{line}\n{PDQ}") == [BadRow(1, why), HashRow(2, PDQ, "pdq")]


def test_it_is_recognised_only_if_it_is_sure() -> None:
    """A quality or fields tell that it is PDQ; 64 digits and a name may be SHA-256."""
    for line in (f"{PDQ},100,a", f"hash={PDQ},norm=1,delta=2,quality=3,filename=a", f"junk\n{PDQ},{OTHER},50,a"):
        assert looks_like(line.encode()), line
    for line in (
        f"{PDQ},a",
        f"{PDQ},101,a",
        f"{PDQ},50,a\n{PDQ},5000,b",
        PDQ,
        "",
        "hash,quality,filename",
        f"pdq:{PDQ}",
    ):
        assert not looks_like(line.encode()), line
