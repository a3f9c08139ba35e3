"""Content-codings undone with limits: RFC 9110 section 8.4, gzip, deflate, br (RFC 7932), zstd (RFC 8878).

A decoder is a generator from coded pieces to decoded pieces of about 64 KiB at most. A stack of codings is a stack of
generators, and none runs further than its reader asks: the rest of a decompression bomb is never decoded. The output of
each layer counts against the limit, not only the last: gigabytes after one coding can shrink to nothing after two.
"""

import itertools
import sys
import zlib
from collections.abc import Callable, Iterator, Mapping

import brotli

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

MAX_CODINGS = 4
"""Codings on one body. Real responses have one; each more would multiply the work."""

_PIECE_BYTES = 64 * 1024
_MIN_PIECE_LIMIT = 1000
"""Pieces allowed for every body, even for a small one."""
_MAX_PEEK_BYTES = 512 * 1024
"""Bytes that `peek` decodes, all layers together."""
_GZIP = zlib.MAX_WBITS | 16
_GZIP_MAGIC = b"\x1f\x8b"
_ALIASES = {"x-gzip": "gzip"}
_ZSTD_WINDOW_LOG = 23
"""8 MiB, the most that RFC 9659 allows for zstd as a content-coding."""

type _Pieces = Iterator[bytes]


class CodingError(ValueError):
    """A content-coding is unknown, broken or cut short, or there are too many."""


class TooLarge(CodingError):
    """The decoded body, or what must be decoded to get it, exceeds the limit."""


class _CutShort(CodingError):
    """The body ends before its coding does."""


class _Budget:
    """What all layers of a stack may output, in bytes and in pieces.

    Pieces count too, since gzip members and zstd frames that are empty or tiny cost time but no bytes.
    """

    def __init__(self, max_bytes: int, max_pieces: int) -> None:
        self._bytes, self._pieces = max_bytes, max_pieces

    def spend(self, piece: bytes) -> None:
        """Subtract one piece. TooLarge if nothing is left."""
        self._bytes -= len(piece)
        self._pieces -= 1
        if self._bytes < 0 or self._pieces < 0:
            raise TooLarge("it takes too much work to decode")


def parse(header: str | None) -> tuple[str, ...]:
    """The codings that a Content-Encoding header names, in the order they were applied: lower-case, no "identity"."""
    names = (name.strip().lower() for name in (header or "").split(","))
    return tuple(_ALIASES.get(name, name) for name in names if name not in ("", "identity"))


def decode(body: bytes, codings: tuple[str, ...], max_bytes: int) -> bytes:
    """`body` with all its codings undone, the last one first.

    Raises:
        TooLarge: the result, or the output of a layer, has more than `max_bytes` (no more than that and one piece is
            held), or the output comes in pieces that average less than 1 KiB.
        CodingError: a coding is unknown, broken or cut short, or there are more than MAX_CODINGS.
    """
    if not codings:
        return body
    decoded = bytearray()
    budget = _Budget(len(codings) * (max_bytes + _PIECE_BYTES), _MIN_PIECE_LIMIT + max_bytes // 1024)
    for piece in _stack(body, codings, budget):
        decoded += piece
        if len(decoded) > max_bytes:
            raise TooLarge(f"more than {max_bytes} bytes under {', '.join(codings)}")
    return bytes(decoded)


def peek(prefix: bytes, codings: tuple[str, ...], limit: int = 64) -> bytes:
    """The first decoded bytes, at most `limit`, of a body that begins with `prefix`.

    Fewer or none if the prefix holds no more: zstd outputs nothing before a whole block of up to 128 KiB.

    Raises:
        TooLarge: it takes too much work to reach them here. This runs in the proxy's event loop, where it may take
            milliseconds; a hasher may take longer.
        CodingError: a coding is unknown or broken, or there are more than MAX_CODINGS.
    """
    decoded = bytearray()
    try:
        for piece in _stack(prefix, codings, _Budget(_MAX_PEEK_BYTES + limit, _MIN_PIECE_LIMIT)):
            decoded += piece
            if len(decoded) >= limit:
                break
    except _CutShort:
        pass  # a prefix always ends early
    return bytes(decoded[:limit])


def _stack(body: bytes, codings: tuple[str, ...], budget: _Budget) -> _Pieces:
    """The decoded pieces of `body`, made as they are asked for."""
    if len(codings) > MAX_CODINGS:
        raise CodingError(f"{len(codings)} content-codings on one body")
    pieces: _Pieces = (body[at : at + _PIECE_BYTES] for at in range(0, len(body), _PIECE_BYTES))
    for coding in reversed(codings):
        decoder = _DECODERS.get(coding)
        if decoder is None:
            raise CodingError(f"unknown content-coding {coding!r}")
        pieces = _limited(coding, decoder(pieces), budget)
    return pieces


def _limited(coding: str, pieces: _Pieces, budget: _Budget) -> _Pieces:
    """One layer's output, within the budget. What its library raises becomes a CodingError that names the coding."""
    try:
        for piece in pieces:
            budget.spend(piece)
            yield piece
    except (zlib.error, brotli.error, zstd.ZstdError, EOFError) as error:
        raise CodingError(f"{coding}: {error}") from None


def _gzip(pieces: _Pieces) -> _Pieces:
    """RFC 1952: one member after another. Bytes after the last that begin no member are ignored, as browsers do."""
    inflate = zlib.decompressobj(_GZIP)
    rest = b""
    for piece in pieces:
        rest += piece
        while rest:
            if inflate.eof and len(rest) < len(_GZIP_MAGIC):
                break
            if inflate.eof and not rest.startswith(_GZIP_MAGIC):
                return
            inflate = zlib.decompressobj(_GZIP) if inflate.eof else inflate
            yield inflate.decompress(rest, _PIECE_BYTES)
            rest = inflate.unconsumed_tail or inflate.unused_data
    yield from _flush(inflate)


def _deflate(pieces: _Pieces) -> _Pieces:
    """By "deflate" RFC 9110 means zlib (RFC 1950), but many servers send raw RFC 1951. Browsers take both."""
    rest = b""
    for piece in pieces:
        rest += piece
        if len(rest) >= 2:
            break
    # The header of RFC 1950, section 2.2: compression method 8, and a number that is a multiple of 31.
    is_zlib = len(rest) >= 2 and rest[0] & 0x0F == 8 and int.from_bytes(rest[:2], "big") % 31 == 0
    inflate = zlib.decompressobj(zlib.MAX_WBITS if is_zlib else -zlib.MAX_WBITS)
    for piece in itertools.chain((rest,), pieces):
        rest = piece
        while rest and not inflate.eof:
            yield inflate.decompress(rest, _PIECE_BYTES)
            rest = inflate.unconsumed_tail
    yield from _flush(inflate)


def _flush(inflate: "zlib._Decompress") -> _Pieces:
    """The rest of zlib's output after all input. Raises _CutShort if the stream needs more input."""
    while not inflate.eof:
        piece = inflate.decompress(b"", _PIECE_BYTES)
        if not piece:
            raise _CutShort("the body ends early")
        yield piece


def _brotli(pieces: _Pieces) -> _Pieces:
    decoder = brotli.Decompressor()
    for piece in pieces:
        yield decoder.process(piece, output_buffer_limit=_PIECE_BYTES)
        while not (decoder.is_finished() or decoder.can_accept_more_data()):
            yield decoder.process(b"", output_buffer_limit=_PIECE_BYTES)
    while not decoder.is_finished():
        piece = decoder.process(b"", output_buffer_limit=_PIECE_BYTES)
        if not piece:
            raise _CutShort("the body ends early")
        yield piece


def _zstd(pieces: _Pieces) -> _Pieces:
    """RFC 8878: one frame after another."""
    decoder = _zstd_decoder()
    for piece in pieces:
        rest = piece
        while rest or not (decoder.eof or decoder.needs_input):
            decoder = _zstd_decoder() if decoder.eof else decoder
            yield decoder.decompress(rest, _PIECE_BYTES)
            rest = decoder.unused_data if decoder.eof else b""
    if not decoder.eof:
        raise _CutShort("the body ends early")


def _zstd_decoder() -> zstd.ZstdDecompressor:
    return zstd.ZstdDecompressor(options={zstd.DecompressionParameter.window_log_max: _ZSTD_WINDOW_LOG})


_DECODERS: Mapping[str, Callable[[_Pieces], _Pieces]] = {
    "gzip": _gzip,
    "deflate": _deflate,
    "br": _brotli,
    "zstd": _zstd,
}
