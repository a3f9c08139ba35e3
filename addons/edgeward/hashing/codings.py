"""Content-codings undone with bounds: RFC 9110 section 8.4, gzip, deflate, br (RFC 7932), zstd (RFC 8878).

A decoder is a generator from coded pieces to decoded ones of at most some 64 KiB, so a stack of codings is a stack of
generators and none runs further than its reader asks: a bomb is left unread. What comes out of each layer counts, not
of the last alone: gigabytes under one coding may be nothing at all under two. That bounds the ratio as well.
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
"""Codings on one body; browsers see one, an attacker would like hundreds."""

_PIECE = 64 * 1024
_FEW = 1000
"""Pieces that any body may come in, however small."""
_PEEK = 512 * 1024
"""Bytes of all layers that `peek` decodes."""
_GZIP = zlib.MAX_WBITS | 16
_GZIP_MAGIC = b"\x1f\x8b"
_ALIASES = {"x-gzip": "gzip"}
_ZSTD_WINDOW_LOG = 23
"""8 MiB, the most that RFC 9659 allows for zstd as a content-coding."""

type _Pieces = Iterator[bytes]


class CodingError(ValueError):
    """A content-coding that is unknown, broken, cut short or one of too many."""


class TooLarge(CodingError):
    """The decoded body has more bytes than are allowed, or more are to be decoded on the way to it."""


class _CutShort(CodingError):
    pass


class _Work:
    """What all layers of a stack may give, in bytes and in pieces: members and frames of a few bytes, or none, cost
    time as well.
    """

    def __init__(self, most_bytes: int, most_pieces: int) -> None:
        self._bytes, self._pieces = most_bytes, most_pieces

    def count(self, piece: bytes) -> None:
        self._bytes -= len(piece)
        self._pieces -= 1
        if self._bytes < 0 or self._pieces < 0:
            raise TooLarge("it takes too much to be undone")


def parse(header: str | None) -> tuple[str, ...]:
    """The codings that a Content-Encoding names, in the order they were applied, lower-case, without "identity"."""
    names = (name.strip().lower() for name in (header or "").split(","))
    return tuple(_ALIASES.get(name, name) for name in names if name not in ("", "identity"))


def decode(body: bytes, codings: tuple[str, ...], max_bytes: int) -> bytes:
    """`body` with all its codings undone, the last first.

    Raises:
        TooLarge: the result has more than `max_bytes`, or a layer on the way to it; little more was ever held. Or it
            comes in pieces of less than a KiB or so.
        CodingError: a coding is unknown, broken, cut short or one of more than MAX_CODINGS.
    """
    if not codings:
        return body
    decoded = bytearray()
    work = _Work(len(codings) * (max_bytes + _PIECE), _FEW + max_bytes // 1024)
    for piece in _stack(body, codings, work):
        decoded += piece
        if len(decoded) > max_bytes:
            raise TooLarge(f"more than {max_bytes} bytes under {', '.join(codings)}")
    return bytes(decoded)


def peek(prefix: bytes, codings: tuple[str, ...], limit: int = 64) -> bytes:
    """The first decoded bytes, at most `limit`, of a body of which `prefix` is the beginning.

    Fewer or none where the prefix holds no more: zstd gives nothing before a whole block of up to 128 KiB.

    Raises:
        TooLarge: they lie behind so much that only a hasher may look for them: this takes no more than milliseconds.
        CodingError: a coding is unknown, broken or one of more than MAX_CODINGS.
    """
    decoded = bytearray()
    try:
        for piece in _stack(prefix, codings, _Work(_PEEK + limit, _FEW)):
            decoded += piece
            if len(decoded) >= limit:
                break
    except _CutShort:
        pass  # it is a prefix: that it ends early is no fault
    return bytes(decoded[:limit])


def _stack(body: bytes, codings: tuple[str, ...], work: _Work) -> _Pieces:
    if len(codings) > MAX_CODINGS:
        raise CodingError(f"{len(codings)} content-codings on one body")
    pieces: _Pieces = (body[at : at + _PIECE] for at in range(0, len(body), _PIECE))
    for coding in reversed(codings):
        decoder = _DECODERS.get(coding)
        if decoder is None:
            raise CodingError(f"unknown content-coding {coding!r}")
        pieces = _named(coding, decoder(pieces), work)
    return pieces


def _named(coding: str, pieces: _Pieces, work: _Work) -> _Pieces:
    try:
        for piece in pieces:
            work.count(piece)
            yield piece
    except (zlib.error, brotli.error, zstd.ZstdError, EOFError) as error:
        raise CodingError(f"{coding}: {error}") from None


def _gzip(pieces: _Pieces) -> _Pieces:
    """RFC 1952: one member after another; what follows the last and begins no member is passed over."""
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
            yield inflate.decompress(rest, _PIECE)
            rest = inflate.unconsumed_tail or inflate.unused_data
    yield from _last(inflate)


def _deflate(pieces: _Pieces) -> _Pieces:
    """RFC 9110 means zlib (RFC 1950) by "deflate"; many servers send raw RFC 1951, and browsers take both."""
    rest = b""
    for piece in pieces:
        rest += piece
        if len(rest) >= 2:
            break
    is_zlib = len(rest) >= 2 and rest[0] & 0x0F == 8 and int.from_bytes(rest[:2], "big") % 31 == 0
    inflate = zlib.decompressobj(zlib.MAX_WBITS if is_zlib else -zlib.MAX_WBITS)
    for piece in itertools.chain((rest,), pieces):
        rest = piece
        while rest and not inflate.eof:
            yield inflate.decompress(rest, _PIECE)
            rest = inflate.unconsumed_tail
    yield from _last(inflate)


def _last(inflate: "zlib._Decompress") -> _Pieces:
    """What zlib still holds once all input is in: nothing, when it held none back for want of room."""
    while not inflate.eof:
        piece = inflate.decompress(b"", _PIECE)
        if not piece:
            raise _CutShort("the body ends early")
        yield piece


def _brotli(pieces: _Pieces) -> _Pieces:
    decoder = brotli.Decompressor()
    for piece in pieces:
        yield decoder.process(piece, output_buffer_limit=_PIECE)
        while not (decoder.is_finished() or decoder.can_accept_more_data()):
            yield decoder.process(b"", output_buffer_limit=_PIECE)
    while not decoder.is_finished():
        piece = decoder.process(b"", output_buffer_limit=_PIECE)
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
            yield decoder.decompress(rest, _PIECE)
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
