"""Content-codings are undone as browsers do, within limits, and every failure is a CodingError."""

import contextlib
import gzip
import random
import sys
import tracemalloc
import zlib
from collections.abc import Callable, Iterator, Mapping
from functools import partial

import brotli
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeward.hashing import content_codings as module
from edgeward.hashing.content_codings import MAX_CODINGS, CodingError, TooLarge, decode, parse, peek

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

BODY = bytes(range(256)) * 1000
LIMIT = 1024 * 1024


def raw_deflate(body: bytes) -> bytes:
    return zlib.compress(body, wbits=-15)


CODERS: Mapping[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "deflate": zlib.compress,
    "br": partial(brotli.compress, quality=5),
    "zstd": zstd.compress,
}


@pytest.mark.parametrize(
    ("header", "codings"),
    [
        (None, ()),
        ("", ()),
        ("identity", ()),
        ("GZip", ("gzip",)),
        ("x-gzip", ("gzip",)),
        (" gzip ,, identity, br", ("gzip", "br")),
        ("aes128gcm", ("aes128gcm",)),
    ],
)
def test_headers_are_read(header: str | None, codings: tuple[str, ...]) -> None:
    """A Content-Encoding becomes the codings in the order they were applied, without "identity"."""
    assert parse(header) == codings


@pytest.mark.parametrize("coding", CODERS)
def test_each_coding_is_undone(coding: str) -> None:
    """A body that a coding's own library compressed is decoded byte for byte."""
    assert decode(CODERS[coding](BODY), (coding,), LIMIT) == BODY


@pytest.mark.parametrize("coding", CODERS)
@pytest.mark.parametrize("body", [b"", b"x", bytes(65536), bytes(65537 + 258)])
def test_bodies_at_the_edges_of_a_piece(coding: str, body: bytes) -> None:
    """Empty bodies, tiny ones and ones as large as a piece are decoded whole."""
    assert decode(CODERS[coding](body), (coding,), LIMIT) == body


def test_raw_deflate_is_deflate() -> None:
    """Servers that send RFC 1951 without the zlib header are understood."""
    assert decode(raw_deflate(BODY), ("deflate",), LIMIT) == BODY


def test_stacked_codings_are_undone_from_the_last() -> None:
    """ "gzip, br" means gzip first, so br is undone first."""
    assert decode(brotli.compress(gzip.compress(BODY)), ("gzip", "br"), LIMIT) == BODY


@pytest.mark.parametrize("coding", ["gzip", "zstd"])
def test_several_members_are_one_body(coding: str) -> None:
    """All gzip members and zstd frames are decoded: stopping at the first would hash half of what is shown."""
    coded = CODERS[coding](BODY[:1000]) + CODERS[coding](BODY[1000:])
    assert decode(coded, (coding,), LIMIT) == BODY


@pytest.mark.parametrize("garbage", [b"\0", b"\x1f", b"trailing", bytes(100_000)])
def test_bytes_after_gzip_are_ignored(garbage: bytes) -> None:
    """Bytes after the last gzip member are ignored, as browsers do."""
    assert decode(gzip.compress(BODY) + garbage, ("gzip",), LIMIT) == BODY


@pytest.mark.parametrize("coding", CODERS)
def test_a_cut_body_is_an_error(coding: str) -> None:
    """A coded body that ends early is an error, since the rest can't be judged."""
    coded = CODERS[coding](BODY)
    with pytest.raises(CodingError, match="ends early"):
        decode(coded[: len(coded) // 2], (coding,), LIMIT)


@pytest.mark.parametrize("codings", [("compress",), ("gzip", "aes128gcm")])
def test_unknown_codings_are_named(codings: tuple[str, ...]) -> None:
    """The error names the unknown coding, wherever in the stack it is."""
    with pytest.raises(CodingError, match=codings[-1]):
        decode(b"body", codings, LIMIT)


def test_a_long_stack_is_refused() -> None:
    """More codings than MAX_CODINGS are refused."""
    with pytest.raises(CodingError, match=str(MAX_CODINGS + 1)):
        decode(b"body", ("gzip",) * (MAX_CODINGS + 1), LIMIT)


@pytest.mark.parametrize("coding", CODERS)
def test_bombs_are_not_decoded(coding: str) -> None:
    """A body that grows a thousandfold raises TooLarge, and little more than the limit is ever held."""
    bomb = CODERS[coding](bytes(64 * LIMIT))
    tracemalloc.start()
    try:
        with pytest.raises(TooLarge, match=coding):
            decode(bomb, (coding,), LIMIT)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 4 * LIMIT


def test_the_limit_itself_is_allowed() -> None:
    """A body of exactly max_bytes passes; one byte more does not."""
    assert len(decode(gzip.compress(bytes(5000)), ("gzip",), 5000)) == 5000
    with pytest.raises(TooLarge):
        decode(gzip.compress(bytes(5001)), ("gzip",), 5000)


def test_zstd_windows_are_limited() -> None:
    """A frame that declares a window over 8 MiB is refused, as RFC 9659 says for content-codings."""
    streamed = zstd.ZstdCompressor(options={zstd.CompressionParameter.window_log: 24})
    wide = streamed.compress(BODY) + streamed.flush()
    with pytest.raises(CodingError, match="zstd"):
        decode(wide, ("zstd",), LIMIT)


@pytest.mark.parametrize("coding", CODERS)
def test_peek_reads_a_truncated_body(coding: str) -> None:
    """`peek` gives the first bytes from the beginning of a coded body alone."""
    coded = CODERS[coding](BODY[:200] + random.Random(1).randbytes(400_000))
    assert peek(coded[: len(coded) // 2], (coding,), 16) == BODY[:16]
    assert peek(b"", (coding,), 16) == b""


@given(st.binary(max_size=300), st.lists(st.sampled_from((*CODERS, "rot13")), max_size=5).map(tuple))
def test_hostile_bytes_raise_nothing_else(body: bytes, codings: tuple[str, ...]) -> None:
    """Whatever the bytes, decoding and peeking succeed or raise CodingError."""
    for attempt in (lambda: decode(body, codings, 1000), lambda: peek(body, codings)):
        with contextlib.suppress(CodingError):
            assert len(attempt()) <= 1000 or not codings


@given(st.sampled_from(tuple(CODERS)), st.integers(0, 400), st.integers(0, 255))
def test_damaged_bodies_raise_nothing_else(coding: str, at: int, value: int) -> None:
    """A coded body with one wrong byte is decoded or raises CodingError."""
    coded = bytearray(CODERS[coding](BODY[:300] * 3))
    coded[at % len(coded)] = value
    with contextlib.suppress(CodingError):
        decode(bytes(coded), (coding,), LIMIT)


NOTHING = gzip.compress(b"", mtime=0)
"""An empty member."""


def nested(body: bytes, layers: int) -> bytes:
    for _ in range(layers):
        body = gzip.compress(body, mtime=0)
    return body


@pytest.fixture
def pieces(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The length of every piece that a decoder yields, of any layer."""
    given: list[int] = []
    original = module._limited

    def noted(decoded: Iterator[bytes]) -> Iterator[bytes]:
        for piece in decoded:
            given.append(len(piece))
            yield piece

    monkeypatch.setattr(module, "_limited", lambda coding, decoded, budget: original(coding, noted(decoded), budget))
    return given


@pytest.mark.parametrize("layers", [2, 3, 4])
def test_bombs_inside_a_stack_are_not_decoded(layers: int, pieces: list[int]) -> None:
    """A stack whose inner layer is huge, but whose result is empty, raises TooLarge soon."""
    bomb = nested(b"\0\0\0\xff\xff" * 4_000_000, layers - 1)  # stored blocks of no bytes
    with pytest.raises(TooLarge):
        decode(bomb, ("deflate", *("gzip",) * (layers - 1)), LIMIT)
    assert sum(pieces) < 2 * layers * LIMIT
    pieces.clear()
    with pytest.raises(TooLarge):
        peek(bomb[:1000], ("deflate", *("gzip",) * (layers - 1)))
    assert sum(pieces) < LIMIT


@pytest.mark.parametrize(("coding", "member"), [("gzip", NOTHING), ("zstd", zstd.compress(b""))], ids=["gzip", "zstd"])
def test_floods_of_empty_members_are_not_decoded(coding: str, member: bytes, pieces: list[int]) -> None:
    """Of a million empty members only a few thousand are read."""
    with pytest.raises(TooLarge):
        decode(member * 1_000_000, (coding,), LIMIT)
    with pytest.raises(TooLarge):
        peek(member * 10_000, (coding,))
    assert len(pieces) < 4000


def test_a_full_stack_of_valid_codings_is_undone() -> None:
    """Four layers over bytes that do not compress are decoded up to the limit, though each adds bytes."""
    body = random.Random(2).randbytes(LIMIT)
    coded = body
    for coding in CODERS:
        coded = CODERS[coding](coded)
    assert decode(coded, tuple(CODERS), LIMIT) == body


def test_many_small_members_are_decoded() -> None:
    """Many members of a few KiB, as some writers make them, are decoded."""
    body = random.Random(3).randbytes(LIMIT)
    coded = b"".join(gzip.compress(body[at : at + 4096]) for at in range(0, LIMIT, 4096))
    assert decode(coded, ("gzip",), LIMIT) == body
