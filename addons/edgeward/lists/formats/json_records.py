"""Records of JSON of any size, read as a stream: one document, or several one after another (also JSON lines).

A record is an object: an element of an array at the top (`[{...}, ...]`), an element of an array under one of a
format's own keys (`{"count": 1, "results": [{...}]}`), or an object at the top. Objects that hold such an array, as
pages and cases do, may be elements of an array again.

Records are read by the json module; only what is around them is read here, in pieces. (The parser in C of ijson, 3.6.0,
crashes the process at a number of 10,000 digits, and its parser in Python needs ten times as long.) Memory is bounded:
a value, so a record too, has at most MAX_VALUE characters. RFC 8259 holds: no NaN, no comments.
"""

import codecs
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Set
from typing import Any, BinaryIO, NamedTuple

from edgeward.errors import UserError
from edgeward.lists.formats import BadRow
from edgeward.quantities import counted, excerpt, listed

MAX_VALUE = 4 * 1024 * 1024
"""Characters of a record, or of a value outside of records."""
MAX_DEPTH = 64
"""Arrays and objects around a record."""
KEYS_NAMED = 8
"""Keys that a message names at most."""
KEY_CHARACTERS = 40
"""As much of a key is named."""

_PIECE_BYTES = 64 * 1024
_BLANK = re.compile(r"[ \t\r\n]*")
_CUT_NUMBER = re.compile(r"\.|[eE][+-]?")
_CUT_ESCAPE = re.compile(r"\\(u[0-9a-fA-F]{0,4})?\Z")
_KEY = re.compile(rb'"([^"\\\x00-\x1f]{1,100})"[ \t\r\n]*:')


class Record(NamedTuple):
    """One record.

    Attributes:
        number: from 1, over all documents of the file.
        fields: those that the format uses, by key in lower case.
        other_keys: the first KEYS_NAMED of the other keys, as they are written.
    """

    number: int
    fields: Mapping[str, Any]
    other_keys: tuple[str, ...]

    def lacks(self, *keys: str) -> BadRow:
        """That the record has none of these keys, and which it has."""
        seen = [excerpt(key, KEY_CHARACTERS) for key in (*self.fields, *self.other_keys)]
        what = f"its keys are {listed(seen, KEYS_NAMED)}" if seen else "it has no keys"
        return BadRow(self.number, f"there is no {' or '.join(keys)}; {what}")


def json_records(stream: BinaryIO, fields: Set[str], arrays: Set[str] = frozenset()) -> Iterator[Record | BadRow]:
    """The records of a stream of UTF-8. What is no object, or has a key twice, is a BadRow.

    Args:
        fields: the keys of a record that are read, in lower case.
        arrays: the keys under which arrays of records are, in lower case.

    Raises:
        UserError: it is no JSON, breaks off, or is out of bounds; the message names the record and the byte.
    """
    return _Walk(_Text(stream), fields, arrays).documents()


def keys_in(head: bytes) -> frozenset[str]:
    """The keys, in lower case, in the beginning of a JSON document; none if it does not begin as JSON does."""
    if head.lstrip()[:1] not in (b"{", b"["):
        return frozenset()
    return frozenset(match[1].decode("utf-8", "replace").lower() for match in _KEY.finditer(head))


class _Twice(dict[str, Any]):
    """An object in which `key` is there twice."""

    key = ""


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) == len(pairs):
        return members
    ambiguous = _Twice(members)
    ambiguous.key = next(key for number, (key, _) in enumerate(pairs) if key in dict(pairs[:number]))
    return ambiguous


def _refuse(name: str) -> None:
    raise ValueError(f"{name} is no JSON value")


_DECODER = json.JSONDecoder(object_pairs_hook=_object, parse_constant=_refuse)


class _Text:
    """The text of a stream: `text` from `at` on is not used yet."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._decoder = codecs.getincrementaldecoder("utf-8-sig")()
        self._read = self._before = 0
        self.text, self.at, self.is_whole = "", 0, False

    def byte(self, at: int) -> int:
        """The number of the byte, from 0, at this place of the text. A byte order mark is not counted."""
        return self._before + len(self.text[:at].encode("utf-8", "surrogatepass"))

    def read_on(self) -> None:
        """Reads as much as there is already, and at least one piece."""
        self._before = self.byte(self.at)
        pieces = [self.text[self.at :]]
        wanted = max(len(pieces[0]), _PIECE_BYTES)
        while wanted > 0 and not self.is_whole:
            piece = self._stream.read(_PIECE_BYTES)
            self.is_whole = not piece
            pieces.append(self._decoded(piece))
            wanted -= len(piece)
        self.text, self.at = "".join(pieces), 0

    def _decoded(self, piece: bytes) -> str:
        kept = len(self._decoder.getstate()[0])
        try:
            return self._decoder.decode(piece, final=self.is_whole)
        except UnicodeDecodeError as error:
            raise UserError(f"the file is not UTF-8 text at byte {self._read - kept + error.start:,}") from None
        finally:
            self._read += len(piece)


class _Walk:
    """Goes through the text."""

    def __init__(self, text: _Text, fields: Set[str], arrays: Set[str]) -> None:
        self._text, self._fields, self._arrays = text, fields, arrays
        self._number = self._depth = 0

    def documents(self) -> Iterator[Record | BadRow]:
        if not self._peek():
            raise UserError("the file is empty")
        while character := self._peek():
            yield from self._array() if character == "[" else self._element()

    def _array(self) -> Iterator[Record | BadRow]:
        for _ in self._inside("[", "]"):
            yield from self._element()

    def _element(self) -> Iterator[Record | BadRow]:
        if self._peek() != "{":
            self._skip()
            self._number += 1
            yield BadRow(self._number, "not a JSON object")
        elif (found := self._short_record()) is not None:
            yield self._record(found.items(), found.key if isinstance(found, _Twice) else "")
        else:
            yield from self._long_object()

    def _short_record(self) -> dict[str, Any] | None:
        """The object, if it is a record that is in the text already; None if it must be read member by member."""
        text = self._text
        if len(text.text) - text.at < _PIECE_BYTES and not text.is_whole:
            text.read_on()
        try:
            found, end = _DECODER.raw_decode(text.text, text.at)
        except (ValueError, RecursionError):
            return None  # It goes on behind the text; or something is wrong, and is met again where it is.
        if any(isinstance(value, list) and key.lower() in self._arrays for key, value in found.items()):
            return None
        text.at = end
        return found  # type: ignore[no-any-return]

    def _long_object(self) -> Iterator[Record | BadRow]:
        """A record, or the records in an object that has arrays of them."""
        members: list[tuple[str, Any]] = []
        twice, holds_records, others = "", False, 0
        for key in self._keys():
            if self._peek() == "[" and key.lower() in self._arrays:
                holds_records = True
                yield from self._array()
            elif key.lower() in self._fields:
                twice = key if any(key == name for name, _ in members) else twice
                members.append((key, self._value()))
            else:
                self._skip()
                others += 1
                if others <= KEYS_NAMED:
                    members.append((key, None))
            if len(members) > KEYS_NAMED + len(self._fields):
                raise self._error("a key is there twice")
        if not holds_records:
            yield self._record(members, twice)

    def _record(self, members: Iterable[tuple[str, Any]], twice: str) -> Record | BadRow:
        self._number += 1
        fields: dict[str, Any] = {}
        others: list[str] = []
        for key, value in members:
            name = key.lower()
            if name not in self._fields:
                others.append(key)
            elif name in fields:
                twice = key
            else:
                fields[name] = value
        if twice:
            return BadRow(self._number, f"the key {excerpt(twice, KEY_CHARACTERS)} is there twice")
        return Record(self._number, fields, tuple(others[:KEYS_NAMED]))

    def _inside(self, opening: str, closing: str) -> Iterator[None]:
        """Goes through an array or object. The caller reads an element, or a key and its value, at each turn."""
        self._pass(opening)
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise self._error(f"arrays are nested more than {MAX_DEPTH} deep")
        while self._peek() != closing:
            yield
            if self._peek() == closing:
                break
            self._pass(",")
            if self._peek() == closing:
                raise self._error("a comma precedes the end")
        self._pass(closing)
        self._depth -= 1

    def _keys(self) -> Iterator[str]:
        for _ in self._inside("{", "}"):
            if self._peek() not in ('"', ""):
                raise self._error("a key must be in double quotes")
            key = self._value()
            self._pass(":")
            yield key

    def _skip(self) -> None:
        """Goes past a value. An array may be of any length."""
        if self._peek() == "[":
            for _ in self._inside("[", "]"):
                self._skip()
        else:
            self._value()

    def _peek(self) -> str:
        """The next character that is not blank, not used yet; "" at the end of the file."""
        text = self._text
        while True:
            text.at = _BLANK.match(text.text, text.at).end()  # type: ignore[union-attr]  # it matches no blank too
            if text.at < len(text.text):
                return text.text[text.at]
            if text.is_whole:
                return ""
            text.read_on()

    def _pass(self, character: str) -> None:
        if self._peek() != character:
            raise self._error(f"{character!r} must be here")
        self._text.at += 1

    def _value(self) -> Any:
        """The whole value that is next. It is tried again with more text as long as it may be cut off."""
        text = self._text
        while self._peek():
            try:
                value, end = _DECODER.raw_decode(text.text, text.at)
            except json.JSONDecodeError as error:
                if text.is_whole or not _is_cut(text.text, error):
                    raise self._error(error.msg[:1].lower() + error.msg[1:], error) from None
            except ValueError as error:
                why = str(error) if "JSON value" in str(error) else "a number has too many digits"
                raise self._error(why) from None
            except RecursionError:
                raise self._error("a value is nested too deep") from None
            else:
                if end < len(text.text) or text.is_whole:
                    text.at = end
                    return value
            if len(text.text) - text.at > MAX_VALUE:
                raise self._error(f"a record, or one value, is longer than {MAX_VALUE:,} characters")
            text.read_on()
        raise self._error("a value must be here")

    def _error(self, why: str, error: json.JSONDecodeError | None = None) -> UserError:
        text = self._text
        if text.is_whole and (_is_cut(text.text, error) if error else text.at >= len(text.text)):
            place = f"byte {text.byte(len(text.text)):,}"
            return UserError(f"the file breaks off at {place}, after {counted(self._number, 'whole record')}")
        place = f"byte {text.byte(error.pos if error else text.at):,}, after record {self._number:,}"
        return UserError(f"the file is not JSON as it can be read, at {place}: {why}")


def _is_cut(text: str, error: json.JSONDecodeError) -> bool:
    """Whether more text could make it right: it ends within a text, an escape, a word, a number, or before a value."""
    if error.msg.startswith("Unterminated string"):
        return True
    if error.msg.startswith("Invalid \\"):
        return bool(_CUT_ESCAPE.search(text, max(error.pos - 1, 0)))
    rest = text[error.pos :].strip()
    return any(word.startswith(rest) for word in ("true", "false", "null", "-")) or bool(_CUT_NUMBER.fullmatch(rest))
