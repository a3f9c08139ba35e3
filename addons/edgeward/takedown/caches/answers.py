"""HTTP/1.1 answers, read as they come in, several on one connection (RFC 9112, sections 4 to 7).

It holds a head and the bytes of a body that shall be kept, never more: what else a body brings is dropped as it comes.
"""

import re
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass

MAX_HEAD = 64 * 1024
MAX_INTERIM = 16
"""Interim answers (1xx) before the final one."""
MAX_LINE = 1024
"""A chunk's size with its extensions, and a trailer."""
_HEX = frozenset(b"0123456789abcdefABCDEF")
_BODILESS = (204, 304)
_STATUS = re.compile(r"[1-9][0-9]{2}")


class NotHttp(ValueError):
    """What came is no HTTP/1 answer, or more of it than allowed."""


@dataclass(frozen=True, slots=True)
class Answer:
    """Status, headers (names in lower case, repeated ones joined by ", ") and as much of the body as was asked for."""

    status: int
    headers: Mapping[str, str]
    body: bytes = b""


class AnswerReader:
    """Bytes in, answers out, in the order of the requests. `expect` comes before the bytes of that answer.

    `reusable` turns false when no further exchange can follow on this connection.
    """

    def __init__(self) -> None:
        self.reusable = True
        self._buffer = bytearray()
        self._expected: deque[tuple[bool, int]] = deque()
        self._answers: list[Answer] = []
        self._step: Callable[[], bool] = self._head
        self._status = 0
        self._headers: Mapping[str, str] = {}
        self._body = bytearray()
        self._left = 0
        self._scanned = 0
        self._interim = 0

    def expect(self, method: str, keep: int) -> None:
        """One more answer is to come. `keep`: bytes of its body to keep; with 0 the body is dropped."""
        self._expected.append((method == "HEAD", keep))

    def feed(self, data: bytes) -> list[Answer]:
        """The answers that these bytes complete. Raises NotHttp."""
        self._buffer += data
        while self._expected and self._step():
            pass
        if self._buffer and not self._expected:
            # More than was asked for: whatever follows could be taken for the answer to another request.
            self.reusable = False
            self._buffer.clear()
        return self._taken()

    def end(self) -> list[Answer]:
        """The answer that the end of the connection completes, if one was to end so. Raises EOFError."""
        self.reusable = False
        if self._expected and self._step == self._until_end:
            self._finish()
        if self._expected:
            raise EOFError("closed without an answer")
        return self._taken()

    def _taken(self) -> list[Answer]:
        answers, self._answers = self._answers, []
        return answers

    def _head(self) -> bool:
        end = self._buffer.find(b"\r\n\r\n", max(0, self._scanned - 3))
        if max(end, len(self._buffer) if end < 0 else 0) > MAX_HEAD:
            raise NotHttp("its head is too long")
        self._scanned = len(self._buffer) if end < 0 else 0
        if end < 0:
            return False
        head = self._buffer[:end].decode("latin-1")
        del self._buffer[: end + 4]
        version, self._status, self._headers = _parse(head)
        if self._status < 200:
            self._pass_interim()
        else:
            self._keep_alive(version)
            self._begin_body()
        return True

    def _pass_interim(self) -> None:
        self._interim += 1
        if self._status == 101 or self._interim > MAX_INTERIM:
            raise NotHttp("an interim answer that nobody asked for")

    def _keep_alive(self, version: str) -> None:
        connection = self._headers.get("connection", "").lower()
        if "close" in connection or (version == "HTTP/1.0" and "keep-alive" not in connection):
            self.reusable = False

    def _begin_body(self) -> None:
        """Where the body ends: RFC 9112, section 6.3."""
        length = self._headers.get("content-length")
        coding = self._headers.get("transfer-encoding")
        if self._expected[0][0] or self._status in _BODILESS:
            self._finish()
        elif coding is not None:
            self._step = self._chunk_size if coding.strip().lower() == "chunked" else self._until_end
        elif length is None:
            self._step = self._until_end
        elif length.isascii() and length.isdecimal() and len(length) < 19:
            self._left, self._step = int(length), self._counted
        else:
            raise NotHttp("its length is no number")

    def _counted(self) -> bool:
        self._take()
        if not self._left:
            self._finish()
        return not self._left

    def _until_end(self) -> bool:
        self.reusable = False
        self._left = len(self._buffer)
        self._take()
        return False

    def _take(self) -> None:
        """Keep or drop what there is of the `_left` bytes that belong to the body."""
        count = min(self._left, len(self._buffer))
        keep = self._expected[0][1]
        if keep:
            self._body += self._buffer[:count]
            if len(self._body) > keep:
                raise NotHttp(f"its body is longer than {keep} bytes")
        del self._buffer[:count]
        self._left -= count

    def _chunk_size(self) -> bool:
        line = self._line()
        if line is None:
            return False
        size = line.partition(b";")[0].strip()
        if not size or len(size) > 15 or not _HEX.issuperset(size):
            raise NotHttp("its chunks are malformed")
        self._left = int(size, 16)
        self._step = self._chunk if self._left else self._trailer
        return True

    def _chunk(self) -> bool:
        self._take()
        if not self._left:
            self._step = self._chunk_end
        return not self._left

    def _chunk_end(self) -> bool:
        line = self._line()
        if line:
            raise NotHttp("its chunks are malformed")
        self._step = self._chunk_end if line is None else self._chunk_size
        return line is not None

    def _trailer(self) -> bool:
        line = self._line()
        if line == b"":
            self._finish()
        return line is not None

    def _line(self) -> bytes | None:
        """The next line without its end; None: it is not there yet."""
        end = self._buffer.find(b"\r\n", 0, MAX_LINE)
        if end < 0:
            if len(self._buffer) > MAX_LINE:
                raise NotHttp("its chunks are malformed")
            return None
        line = bytes(self._buffer[:end])
        del self._buffer[: end + 2]
        return line

    def _finish(self) -> None:
        self._expected.popleft()
        self._answers.append(Answer(self._status, self._headers, bytes(self._body)))
        self._body.clear()
        self._step, self._interim = self._head, 0


def _parse(head: str) -> tuple[str, int, Mapping[str, str]]:
    """(Version, status, headers) of an answer's head."""
    start, *lines = head.split("\r\n")
    version, _, rest = start.partition(" ")
    status = rest.partition(" ")[0]
    if not version.startswith("HTTP/1.") or not (
        status.isascii() and len(status) == 3 and status.isdecimal() and status > "099"
    ):
        raise NotHttp("not an HTTP/1 answer")
    headers: dict[str, str] = {}
    for line in lines:
        name, colon, value = line.partition(":")
        name = name.lower()
        if not colon or not name or name[0] in " \t" or name[-1] in " \t":
            raise NotHttp("a header is malformed")
        headers[name] = f"{headers[name]}, {value.strip()}" if name in headers else value.strip()
    return version, int(status), headers
