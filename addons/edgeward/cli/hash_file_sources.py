"""The files of hashes given to commands: files of this machine, pipes and standard input, sent as they are read."""

import stat
import sys
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from edgeward.errors import NotFound, UserError

STANDARD_INPUT = "-"


class HashFile:
    """A file that is sent while it is read.

    Attributes:
        name: as messages name it.
        size: bytes; 0 if that is not known (a pipe).
    """

    def __init__(self, name: str, stream: BinaryIO, size: int) -> None:
        self.name, self.size, self._stream = name, size, stream
        self._sent = 0
        self.on_read: Callable[[int], object] = lambda _: None
        """Called with the number of bytes that were read so far."""

    def read(self, size: int = -1) -> bytes:
        """The next bytes, as http.client asks for them. Raises UserError if the file can't be read on."""
        try:
            part = self._stream.read(size)
        except OSError as error:
            raise UserError(f"{self.name}: {error.strerror}") from None
        self._sent += len(part)
        self.on_read(self._sent)
        return part

    def close(self) -> None:
        """Close it, unless it is standard input."""
        if self._stream is not sys.stdin.buffer:
            self._stream.close()


def open_hash_file(name: str) -> HashFile:
    """A file by its path, or standard input.

    Raises:
        NotFound: there is no such file.
        UserError: it can't be opened, or is a directory.
    """
    if name == STANDARD_INPUT:
        return HashFile("standard input", sys.stdin.buffer, 0)
    try:
        stream = Path(name).open("rb")  # noqa: SIM115  the caller closes it
        info = Path(name).stat()
    except FileNotFoundError:
        raise NotFound(f"{name}: no such file") from None
    except IsADirectoryError:
        raise UserError(f"{name}: it is a directory: import its files one by one") from None
    except OSError as error:
        raise UserError(f"{name}: {error.strerror}") from None
    return HashFile(name, stream, info.st_size if stat.S_ISREG(info.st_mode) else 0)
