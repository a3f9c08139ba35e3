"""Compressed files and archives, told by their first bytes: gzip (RFC 1952), zstd (RFC 8878), zip with one file in it.

They are decompressed as they are read. A decompression bomb ends at a limit of bytes, or of bytes for one compressed
byte; what is cut short or damaged is an error, so that nothing of it is imported.
"""

import struct
import sys
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from typing import BinaryIO, cast

from edgeward.errors import UserError
from edgeward.lists.formats.piece_stream import pieces_of

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

MAX_UNPACKED_BYTES = 64 * 1024**3
"""Bytes of the largest file that is decompressed."""
MAX_RATIO = 200
"""Decompressed bytes for one compressed byte. Files of hashes have less than 30; deflate reaches 1032."""
MIN_BOMB_BYTES = 16 * 1024 * 1024
"""Up to this many decompressed bytes any ratio will do: a small file may be all the same."""
MAX_DIRECTORY_BYTES = 1024 * 1024
"""Bytes of the directory of a zip archive: about ten thousand files."""
MAX_NAMES = 5
"""Files of an archive that an error names."""
MAX_NAME = 60
"""Characters of such a name."""

_PIECE_BYTES = 64 * 1024
_GZIP = zlib.MAX_WBITS | 16
_GZIP_MAGIC = b"\x1f\x8b"
_ZSTD_WINDOW_LOG = 27
"""128 MiB, the most that the zstd command decompresses without being told to."""
_ZSTD_SKIPPABLE = tuple(bytes((0x50 + kind,)) + b"\x2a\x4d\x18" for kind in range(16))
_MAGIC: Mapping[str, tuple[bytes, ...]] = {
    "gzip": (_GZIP_MAGIC,),
    "zstd": (b"\x28\xb5\x2f\xfd", *_ZSTD_SKIPPABLE),
    "zip": (b"PK\x03\x04", b"PK\x05\x06"),
}
MAGIC_BYTES = 4
"""As many first bytes tell the compression."""

_ENCRYPTED = 1
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)


def compression_of(head: bytes) -> str:
    """ "gzip", "zstd" or "zip", by a file's first bytes; "" if it is none of these."""
    return next((name for name, magic in _MAGIC.items() if head.startswith(magic)), "")


def decompressed(stream: BinaryIO, compression: str, max_bytes: int = MAX_UNPACKED_BYTES) -> Iterator[bytes]:
    """The content of a compressed file, in pieces of about 64 KiB.

    Args:
        stream: at its beginning; it must be seekable for zip.
        compression: as `compression_of` names it.

    Raises:
        UserError: it is damaged, cut short or too large, or not one file that can be read.
    """
    counted = _Counted(stream)
    produced = 0
    try:
        for piece in _DECODERS[compression](counted):
            produced += len(piece)
            if produced > max_bytes:
                raise UserError(f"the {compression} file is too large: it has more than {max_bytes} bytes in it")
            if produced > max(MIN_BOMB_BYTES, counted.consumed * MAX_RATIO):
                raise UserError(
                    f"the {compression} file looks like a decompression bomb: {counted.consumed} bytes of it become "
                    f"more than {produced - len(piece)}, over {MAX_RATIO} for one"
                )
            yield piece
    except (*_DAMAGED, EOFError) as error:
        raise UserError(f"the {compression} file is damaged or cut short: {error}") from None


class _Counted:
    """A stream that counts what is read of it, and reads no more than MAX_DIRECTORY_BYTES at a time."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self.consumed = 0

    def read(self, size: int = -1) -> bytes:
        # zipfile reads the whole directory of an archive at once, however long the archive says that it is.
        data = b"" if size > MAX_DIRECTORY_BYTES else self._stream.read(MAX_DIRECTORY_BYTES + 1 if size < 0 else size)
        if max(size, len(data)) > MAX_DIRECTORY_BYTES:
            raise UserError(f"the zip file has a directory of more than {MAX_DIRECTORY_BYTES} bytes")
        self.consumed += len(data)
        return data

    def seek(self, offset: int, whence: int = 0) -> int:
        return self._stream.seek(offset, whence)

    def tell(self) -> int:
        return self._stream.tell()

    def seekable(self) -> bool:
        return self._stream.seekable()


def _gzip(stream: _Counted) -> Iterator[bytes]:
    """One member after another. Zeros may follow the last one, as on tapes."""
    inflate = zlib.decompressobj(_GZIP)
    rest = b""
    for piece in pieces_of(cast("BinaryIO", stream)):
        rest += piece
        while rest:
            if inflate.eof:
                rest = rest.lstrip(b"\0")
                if len(rest) < len(_GZIP_MAGIC):
                    break
                if not rest.startswith(_GZIP_MAGIC):
                    raise EOFError("other bytes follow its end")
                inflate = zlib.decompressobj(_GZIP)
            yield inflate.decompress(rest, _PIECE_BYTES)
            rest = inflate.unconsumed_tail or inflate.unused_data
    while not inflate.eof:
        more = inflate.decompress(b"", _PIECE_BYTES)
        if not more:
            raise EOFError("it ends early")
        yield more
    if rest:
        raise EOFError("other bytes follow its end")


def _zstd(stream: _Counted) -> Iterator[bytes]:
    """One frame after another."""
    decoder = _zstd_decoder()
    for piece in pieces_of(cast("BinaryIO", stream)):
        rest = piece
        while rest or not (decoder.eof or decoder.needs_input):
            decoder = _zstd_decoder() if decoder.eof else decoder
            yield decoder.decompress(rest, _PIECE_BYTES)
            rest = decoder.unused_data if decoder.eof else b""
    if not decoder.eof:
        raise EOFError("it ends early")


def _zstd_decoder() -> zstd.ZstdDecompressor:
    return zstd.ZstdDecompressor(options={zstd.DecompressionParameter.window_log_max: _ZSTD_WINDOW_LOG})


def _zip(stream: _Counted) -> Iterator[bytes]:
    """The one file of an archive. What macOS adds beside it is passed over."""
    if not stream.seekable():
        raise UserError("a zip file can't be read from a pipe: give the file, or what is in it")
    with zipfile.ZipFile(cast("BinaryIO", stream)) as archive:
        members = [
            each for each in archive.infolist() if not each.is_dir() and not each.filename.startswith("__MACOSX/")
        ]
        if len(members) != 1:
            names = ", ".join(repr(each.filename[:MAX_NAME]) for each in members[:MAX_NAMES])
            more = ", ..." if len(members) > MAX_NAMES else ""
            raise UserError(f"the zip file has {len(members)} files in it, not one{names and ': '}{names}{more}")
        [member] = members
        if member.flag_bits & _ENCRYPTED:
            raise UserError("the zip file is encrypted")
        if member.compress_type not in _METHODS:
            raise UserError(f"the zip file uses compression method {member.compress_type}: only deflate can be read")
        # The ratio is that of the file, not of what was read to find it.
        stream.consumed = 0
        with archive.open(member) as content:
            yield from pieces_of(cast("BinaryIO", content))


_DAMAGED = (
    *(zlib.error, zstd.ZstdError, zipfile.BadZipFile),
    # What zipfile lets through of odd headers: unknown features, names that are not text, impossible offsets.
    *(NotImplementedError, ValueError, OverflowError, struct.error),
)
_DECODERS: Mapping[str, Callable[[_Counted], Iterator[bytes]]] = {"gzip": _gzip, "zstd": _zstd, "zip": _zip}
