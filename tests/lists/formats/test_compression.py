"""Compressed files, whole, damaged and hostile."""

import gzip
import io
import struct
import sys
import tracemalloc
import zipfile
import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgeward.errors import UserError
from edgeward.lists.formats.compression import MIN_BOMB_BYTES, compression_of, decompressed

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

BODY = b"".join(b"md5:%032x\n" % (number * 7919**8) for number in range(20_000))


def zipped(*members: tuple[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", method) as archive:
        for name, body in members:
            archive.writestr(name, body)
    return made.getvalue()


PACKED = {"gzip": gzip.compress(BODY, mtime=0), "zstd": zstd.compress(BODY), "zip": zipped(("list.txt", BODY))}


def unpacked(packed: bytes, max_bytes: int = 1 << 40) -> bytes:
    return b"".join(decompressed(io.BytesIO(packed), compression_of(packed), max_bytes))


@pytest.mark.parametrize("kind", PACKED)
def test_the_content_is_read(kind: str) -> None:
    """The first bytes tell the compression."""
    assert compression_of(PACKED[kind]) == kind
    assert unpacked(PACKED[kind]) == BODY


def test_several_members_and_frames() -> None:
    """gzip and zstd files may be put one after another; zeros may follow gzip, and skippable frames zstd."""
    assert unpacked(gzip.compress(b"a") + gzip.compress(b"") + gzip.compress(b"b") + bytes(1000)) == b"ab"
    skippable = b"\x50\x2a\x4d\x18" + struct.pack("<I", 4) + b"skip"
    assert unpacked(skippable + zstd.compress(b"a") + zstd.compress(b"b") + skippable) == b"ab"


def test_a_stored_file_and_what_macos_adds() -> None:
    """An archive may hold a file as it is. Folders and resource forks beside it do not count."""
    archive = zipped(("d/", b""), ("d/list.csv", BODY), ("__MACOSX/d/._list.csv", b"x"), method=zipfile.ZIP_STORED)
    assert unpacked(archive) == BODY


@pytest.mark.parametrize("kind", PACKED)
def test_a_file_that_is_cut_short(kind: str) -> None:
    """Wherever it ends, it is an error: nothing of it is imported."""
    packed = PACKED[kind]
    for end in (*range(4, 40), len(packed) // 2, *range(len(packed) - 30, len(packed))):
        with pytest.raises(UserError, match="damaged or cut short"):
            unpacked(packed[:end])


def test_other_bytes_after_the_end_of_gzip() -> None:
    """They are an error, also a single one."""
    for more in (b"x", b"hello", b"\0\0x"):
        with pytest.raises(UserError, match="other bytes follow"):
            unpacked(PACKED["gzip"] + more)


@pytest.mark.parametrize("kind", PACKED)
def test_bombs_end_early(kind: str) -> None:
    """Many bytes from few are an error that names both numbers, at a limit far below the whole; memory is bounded."""
    zeros = bytes(2 * MIN_BOMB_BYTES)
    packed = {
        "gzip": lambda: gzip.compress(zeros, 9),
        "zstd": lambda: zstd.compress(zeros),
        "zip": lambda: zipped(("a", zeros)),
    }
    bomb = packed[kind]()
    tracemalloc.start()
    try:
        with pytest.raises(UserError, match=r"decompression bomb: \d+ bytes of it become more than \d+"):
            for _ in decompressed(io.BytesIO(bomb), kind):
                pass
        assert tracemalloc.get_traced_memory()[1] < 4 * 1024 * 1024
    finally:
        tracemalloc.stop()


def test_the_limit_of_bytes() -> None:
    """More than that is an error which names it."""
    assert unpacked(PACKED["gzip"], len(BODY)) == BODY
    with pytest.raises(UserError, match=f"more than {len(BODY) - 1} bytes in it"):
        unpacked(PACKED["gzip"], len(BODY) - 1)


def test_archives_that_are_not_one_file() -> None:
    """The error says how many there are, and the first names, none of them long."""
    with pytest.raises(UserError, match=r"has 0 files in it, not one$"):
        unpacked(zipped())
    with pytest.raises(UserError, match=r"has 7 files in it, not one: 'f0', 'f1', 'f2', 'f3', 'f4', \.\.\.$"):
        unpacked(zipped(*((f"f{number}", b"x") for number in range(7))))
    with pytest.raises(UserError) as raised:
        unpacked(zipped(("n" * 5000, b"x"), ("m", b"x")))
    assert len(str(raised.value)) < 200


def test_archives_that_cannot_be_read() -> None:
    """Encrypted ones, other methods, a directory without end and a pipe are named."""
    for method in (zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA):
        with pytest.raises(UserError, match="only deflate"):
            unpacked(zipped(("a", b"x"), method=method))
    archive = bytearray(zipped(("a", b"x")))
    for flags in (6, archive.index(b"PK\1\2") + 8):
        archive[flags] |= 1
    with pytest.raises(UserError, match="encrypted"):
        unpacked(bytes(archive))
    with pytest.raises(UserError, match="directory of more than"):
        unpacked(b"PK\3\4" + bytes(3_000_000) + struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, 1, 1, 2_000_000, 4, 0))
    pipe = io.BufferedReader(io.BytesIO(PACKED["zip"]))  # type: ignore[arg-type]
    pipe.seekable = lambda: False  # type: ignore[method-assign]
    with pytest.raises(UserError, match="can't be read from a pipe"):
        list(decompressed(pipe, "zip"))


@settings(max_examples=80, deadline=None)
@given(st.sampled_from(sorted(PACKED)), st.data())
def test_damage_never_crashes(kind: str, data: st.DataObject) -> None:
    """A damaged file is read or refused, with no other error."""
    packed = bytearray(PACKED[kind][:3000] + PACKED[kind][-300:])
    for _ in range(data.draw(st.integers(1, 4))):
        packed[data.draw(st.integers(-300, 300).map(lambda at: at % len(packed)))] = data.draw(st.integers(0, 255))
    try:
        for _ in decompressed(io.BytesIO(bytes(packed)), kind):
            pass
    except UserError as error:
        assert str(error)


def test_small_files_of_all_the_same_are_no_bombs() -> None:
    """A ratio of a thousand is fine up to MIN_BOMB_BYTES."""
    assert len(unpacked(zlib_gzip(bytes(MIN_BOMB_BYTES)))) == MIN_BOMB_BYTES


def zlib_gzip(body: bytes) -> bytes:
    made = zlib.compressobj(9, wbits=31)
    return made.compress(body) + made.flush()
