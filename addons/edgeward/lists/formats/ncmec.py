"""NCMEC's hash sharing API, version 2: the XML of its entries, as pages or as one file.

    queryResult > images > image | deletedImage    member, id, classification, fingerprints > md5, sha1, pdna, pdq
                > videos > video | deletedVideo

Fingerprints of images are read; those of videos are left out. An entry has the id MEMBER-ID. A deleted image names no
fingerprint: all that came with its id is withdrawn. Namespaces and unknown elements are passed over; a document type
declaration is refused, and with it all entities.
"""

import re
from collections.abc import Iterator, Mapping
from itertools import chain
from typing import BinaryIO
from xml.parsers.expat import ErrorString, ExpatError, ParserCreate, XMLParserType, errors

from edgeward.errors import UserError
from edgeward.lists.formats import BadRow, HashRow, LeftOut, ReadOptions, Row, WithdrawnSource
from edgeward.lists.formats.fields import kind_of, tags_of
from edgeward.lists.formats.type_names import common_type_named

MAX_DEPTH = 64
MAX_FINGERPRINTS = 1000
"""Of one image."""
MAX_TEXT = 16 * 1024
"""Characters of one fingerprint, id or name."""
MAX_TOKEN_BYTES = 4 * 1024 * 1024
"""Of one start tag, comment or the like: as much the parser keeps."""

_PIECE_BYTES = 64 * 1024
_ROOT = "queryResult"
_KINDS = frozenset({"image", "video", "deletedImage", "deletedVideo"})
_TEXTS = frozenset({"member", "id", "classification"})
_TRANSCODED = re.compile(rb"<\?xml[^>]*encoding=[\"']utf-?(16|32)", re.IGNORECASE)
"""Its declaration is from before someone made UTF-8 of it."""
_BREAKS_OFF = frozenset(
    {errors.codes[name] for name in (errors.XML_ERROR_NO_ELEMENTS, errors.XML_ERROR_UNCLOSED_TOKEN)}
)
_BREAKS_OFF |= {errors.codes[errors.XML_ERROR_PARTIAL_CHAR], errors.codes[errors.XML_ERROR_UNCLOSED_CDATA_SECTION]}


def looks_like(head: bytes) -> bool:
    return head.lstrip().startswith(b"<") and b"queryResult" in head


def rows(stream: BinaryIO, _options: ReadOptions) -> Iterator[Row]:
    """The fingerprints, by image.

    Raises:
        UserError: it is no such XML, breaks off, or is out of bounds; the message names the line and the byte.
    """
    first = stream.read(_PIECE_BYTES)
    parser = ParserCreate("utf-8" if _TRANSCODED.match(first) else None, " ")
    entries = _Entries(parser)
    read = unfinished = 0
    try:
        for piece in chain((first,), iter(lambda: stream.read(_PIECE_BYTES), b"")):
            entries.found_any = False
            parser.Parse(piece, False)
            yield from entries.take()
            read += len(piece)
            unfinished = 0 if entries.found_any else unfinished + len(piece)
            if unfinished > MAX_TOKEN_BYTES:
                raise UserError(
                    f"{entries.place()}: one tag or comment is longer than {MAX_TOKEN_BYTES // 1024**2} MiB"
                )
        parser.Parse(b"", True)
    except ExpatError as error:
        raise UserError(_what_is_wrong(parser, error, read)) from None
    except (LookupError, ValueError) as error:
        raise UserError(f"the XML names an encoding that can't be read: {str(error)[:80]}") from None
    yield from entries.take()


def _what_is_wrong(parser: XMLParserType, error: ExpatError, read: int) -> str:
    place = f"line {error.lineno:,}, byte {parser.ErrorByteIndex:,}"
    if error.code in _BREAKS_OFF:
        return f"the XML breaks off at {place}" if read or parser.ErrorByteIndex > 0 else "the file is empty"
    return f"the XML can't be read at {place}: {ErrorString(error.code)}"


class _Entries:
    """Collects the rows of images and videos from the parser's calls. `found_any`: there was a call."""

    def __init__(self, parser: XMLParserType) -> None:
        self._parser = parser
        parser.buffer_text = True
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._text
        parser.StartDoctypeDeclHandler = self._refuse
        parser.CommentHandler = parser.ProcessingInstructionHandler = self._pass
        self.found_any = False
        self._rows: list[Row] = []
        self._number = self._depth = 0
        self._entry: _Entry | None = None

    def take(self) -> list[Row]:
        """The rows since the last call."""
        found, self._rows = self._rows, []
        return found

    def place(self) -> str:
        return f"line {self._parser.CurrentLineNumber:,}, byte {self._parser.CurrentByteIndex:,}"

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        self.found_any = True
        self._depth += 1
        tag = name.rpartition(" ")[2]
        if self._depth > MAX_DEPTH:
            raise UserError(f"{self.place()}: elements are nested more than {MAX_DEPTH} deep")
        if self._depth == 1 and tag != _ROOT:
            raise UserError(f"{self.place()}: the XML is a <{kind_of(tag)}>, where NCMEC's lists are a <{_ROOT}>")
        if self._entry:
            self._entry.start(tag, attributes)
        elif tag in _KINDS:
            self._number += 1
            self._entry = _Entry(self._number, tag)

    def _end(self, name: str) -> None:
        self.found_any = True
        self._depth -= 1
        if self._entry and self._entry.end():
            self._rows += self._entry.rows()
            self._entry = None

    def _text(self, text: str) -> None:
        self.found_any = True
        if self._entry:
            self._entry.text(text)

    def _pass(self, *_: str) -> None:
        self.found_any = True

    def _refuse(self, *_: object) -> None:
        raise UserError(f"{self.place()}: the XML has a document type declaration, which NCMEC's lists never have")


class _Entry:
    """One image or video, deleted ones too, while it is read."""

    def __init__(self, number: int, kind: str) -> None:
        self._number, self._kind = number, kind
        self._path: list[str] = []
        self._pieces: list[str] = []
        self._length = 0
        self._member_id = ""
        self._texts: dict[str, str] = {}
        self._fingerprints: list[tuple[str, str]] = []

    def start(self, tag: str, attributes: Mapping[str, str]) -> None:
        self._path.append(tag)
        self._pieces, self._length = [], 0
        if self._path == ["member"]:
            self._member_id = attributes.get("id", "").strip()

    def text(self, text: str) -> None:
        if self._is_read() and self._length <= MAX_TEXT:
            self._pieces.append(text)
            self._length += len(text)

    def end(self) -> bool:
        """Whether the element that ends is the entry itself."""
        if not self._path:
            return True
        if self._is_read():
            text = "".join(self._pieces).strip()
            if len(self._path) == 1:
                self._texts[self._path[0]] = text[:MAX_TEXT]
            elif len(self._fingerprints) < MAX_FINGERPRINTS:
                self._fingerprints.append((self._path[1], text))
            else:
                raise UserError(f"record {self._number:,} has more than {MAX_FINGERPRINTS:,} fingerprints")
        self._path.pop()
        return False

    def _is_read(self) -> bool:
        match self._path:
            case [name]:
                return name in _TEXTS
            case ["fingerprints", _]:
                return True
        return False

    def rows(self) -> Iterator[Row]:
        entry_id = self._texts.get("id", "")
        source_id = "-".join(filter(None, (self._member_id, entry_id)))
        if self._kind == "deletedImage":
            yield WithdrawnSource(self._number, source_id) if entry_id else BadRow(self._number, "there is no id")
        elif self._kind == "deletedVideo":
            yield LeftOut(self._number, "deleted video")
        elif not self._fingerprints:
            yield LeftOut(self._number, f"{self._kind} without fingerprints")
        for name, value in self._fingerprints if self._kind in ("image", "video") else ():
            yield self._row(name, value, source_id)

    def _row(self, name: str, value: str, source_id: str) -> Row:
        signal_type = common_type_named(name)
        if self._kind == "video" or signal_type is None:
            return LeftOut(self._number, f"{kind_of(name)} of {'a video' if self._kind == 'video' else 'an image'}")
        if not value:
            return LeftOut(self._number, f"empty {signal_type}")
        if len(value) > MAX_TEXT:
            return BadRow(self._number, f"a {signal_type} of more than {MAX_TEXT:,} characters")
        tags = tags_of((self._texts.get("classification"), self._texts.get("member")))
        return HashRow(self._number, value, signal_type, source_id=source_id, tags=tags)
