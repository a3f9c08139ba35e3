"""Files of hashes: good lines are read, and bad lines are reported by number."""

import gzip
import io
import json

import pytest

from edgeward.errors import UserError
from edgeward.lists.formats import BadRow, LeftOut, WithdrawnSource
from edgeward.lists.formats.hash_files import (
    BadLine,
    BadLines,
    Format,
    ParsedHash,
    ParsedRow,
    format_of,
    open_file,
    read,
    read_rows,
)
from edgeward.lists.formats.piece_stream import stream_of
from edgeward.lists.formats.table import FORMATS
from edgeward.types import Signal

MD5 = "9e107d9d372bb6826bd81d3542a419d6"
PDQ = "f8f8f0cee0f4a84f06370a22038f63f0b36e2ed596621e1d33e6b39c4e9c9b22"


def test_text() -> None:
    """TYPE:HEX and bare HEX, comments, empty lines, any line end, upper case, and a byte order mark."""
    body = f"\ufeff# ours\r\nmd5:{MD5.upper()}\n\n  {PDQ}  \n".encode()
    found = read(body, "text", "pdq", 80)
    assert found.listed == [ParsedHash(Signal("md5", MD5)), ParsedHash(Signal("pdq", PDQ, 80))]
    assert (found.bad, found.repeated) == ([], 0)


def test_csv() -> None:
    """Columns in any order, quoted text with commas and line ends, a quality of its own."""
    body = f'reason,Value,type,quality\n"a, ""b""\nc",{MD5},md5,\n,{PDQ},pdq,70\n'.encode()
    assert read(body, "csv").listed == [ParsedHash(Signal("md5", MD5), 'a, "b"\nc'), ParsedHash(Signal("pdq", PDQ, 70))]


def test_json_lines() -> None:
    """One object a line; a key that is null counts as missing."""
    rows = [{"type": "md5", "value": MD5, "reason": "r", "quality": None}, {"value": PDQ, "quality": 70}]
    body = "\n".join(map(json.dumps, rows)).encode()
    assert read(body, "jsonl", "pdq").listed == [
        ParsedHash(Signal("md5", MD5), "r"),
        ParsedHash(Signal("pdq", PDQ, 70)),
    ]


def test_composite_values() -> None:
    """They come in every format, with a quality like those of PDQ."""
    value = "0f1e2d3c4b5a6978" + PDQ
    signal = Signal("pdq-dhash", value, 80)
    assert read(f"pdq-dhash:{value.upper()}\n".encode(), "text", quality=80).listed == [ParsedHash(signal)]
    body = f"type,value,quality\npdq-dhash,{value},80\npdq-dhash,{value[:-1]}a,10\n".encode()
    found = read(body, "csv")
    assert (found.listed, [each.number for each in found.bad]) == ([ParsedHash(signal)], [3])


def test_each_signal_is_read_once() -> None:
    """Repeated lines are counted, and the first stays."""
    found = read(f"md5:{MD5}\nmd5:{MD5.upper()}\nmd5:{MD5}\n".encode(), "text")
    assert found.listed == [ParsedHash(Signal("md5", MD5))]
    assert found.repeated == 2


@pytest.mark.parametrize(
    ("kind", "body", "number", "why"),
    [
        ("text", f"md5:{MD5}\nmd5:12\n", 2, "2 digits"),
        ("text", f"\n\n{PDQ}", 3, "has no type, and may be sha256 or pdq: say which"),
        ("text", "\n1234567890abcdef", 2, "may be phash or dhash"),
        ("text", "\n123456", 2, "has no type"),
        ("text", "nonsense:" + MD5, 1, "is not a signal type"),
        ("text", "pdq:" + "0" * 64, 1, "blank"),
        ("csv", f"type,value\nmd5,{MD5}\nmd5,{MD5},3\n", 3, "3 columns where the header has 2"),
        ("csv", f"type,value,quality\npdq,{PDQ},x\n", 2, "'x' is not a quality"),
        ("csv", f"type,value,quality\npdq,{PDQ},10\n", 2, "never matches"),
        ("csv", f"type,value,quality\nmd5,{MD5},90\n", 2, "is not a quality"),
        ("jsonl", '{"type": "md5"}', 1, "there is no value"),
        ("jsonl", '\n{"value": 5}', 2, "must be text"),
        ("jsonl", '{"value": "' + MD5 + '", "color": 1}', 1, "unknown key color"),
        ("jsonl", '{"type": "md5", "value": "' + MD5 + '", "reason": "' + "x" * 2001 + '"}', 1, "2000 characters"),
        ("jsonl", '{"value": "' + MD5 + '", "source_id": "' + "x" * 201 + '"}', 1, "200 characters"),
        ("jsonl", '{"value": "' + MD5 + '", "tags": ["' + "x" * 201 + '"]}', 1, "200 characters"),
        ("jsonl", json.dumps({"value": MD5, "tags": ["x"] * 101}), 1, "100 tags"),
    ],
)
def test_bad_lines_are_reported(kind: Format, body: str, number: int, why: str) -> None:
    """A bad line is reported with its number and what is wrong; the others are read."""
    found = read(body.encode(), kind)
    assert [each.number for each in found.bad] == [number]
    assert why in found.bad[0].why


@pytest.mark.parametrize(
    ("kind", "body", "message"),
    [
        ("csv", b"type,color\nmd5,red\n", "no column of hashes is found: the columns are: type, color"),
        ("csv", b'type,value\nmd5,"12\n', "line 2: not CSV"),
        ("nonsense", b"", "unknown format 'nonsense'; known: .*csv"),
        ("text", b"\x89PNG\r\n\x1a\n" + bytes(30), r"it looks like a picture \(image/png\)"),
        ("jsonl", json.dumps({"value": MD5, "withdrawn": True}).encode(), "withdraws hashes"),
        ("csv", b"md5,id,deleted\n,7,yes\n", "withdraws hashes"),
    ],
)
def test_unreadable_files(kind: Format, body: bytes, message: str) -> None:
    """A file that can't be read at all is refused."""
    with pytest.raises(UserError, match=message):
        read(body, kind)


def test_a_message_names_a_hundred_bad_lines() -> None:
    """It names the first hundred, and says how many more there are."""
    message = str(BadLines([BadLine(number, "why") for number in range(1, 251)]))
    assert message.startswith("250 bad lines, nothing was imported:\n")
    assert message.count("\n") == 101
    assert message.endswith("and 150 more")


def read_all(body: bytes, name: str = "", **more: str | int) -> list[ParsedRow]:
    opened = open_file(io.BytesIO(body))
    return [*read_rows(opened.stream, format_of(opened.head, name), None, **more)]  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("body", "name"),
    [
        (f"md5:{MD5}\n", "text"),
        (MD5, "text"),
        (f"hash;type\n{MD5};MD5\n", "csv"),
        (json.dumps({"value": MD5}), "jsonl"),
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
def test_formats_are_recognised(body: str, name: str, encoding: str) -> None:
    """In any encoding with a byte order mark, and compressed too."""
    for packed in (body.encode(encoding), gzip.compress(body.encode(encoding))):
        assert format_of(open_file(io.BytesIO(packed)).head).name == name
        assert read_all(packed) == [ParsedHash(Signal("md5", MD5))]


def test_xml_keeps_its_encoding() -> None:
    """Its declaration says the encoding, so that its parser must read it as it is; the head is UTF-8."""
    body = '<?xml version="1.0" encoding="UTF-16"?><a/>'.encode("utf-16")
    opened = open_file(io.BytesIO(body))
    assert opened.head.startswith(b"<?xml")
    assert opened.stream.read() == body


def test_a_pipe_is_read_from_where_it_is() -> None:
    """A stream that can't be set back gives all of its bytes."""
    body = gzip.compress(f"md5:{MD5}\n".encode())
    for pipe in (stream_of(iter([body])), stream_of(iter([f"md5:{MD5}\n".encode()]))):
        opened = open_file(pipe)
        assert [*read_rows(opened.stream, FORMATS["text"])] == [ParsedHash(Signal("md5", MD5))]


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "looks like an empty file; known formats: "),
        (b"Dear Sir or Madam\n", "looks like text without a line that holds a hash"),
        (b"<html><body>404", "an HTML page"),
        (b'{"count": 0, "next": null}', "a JSON document with the keys count, next"),
        (b"%PDF-1.7", "it looks like a PDF document"),
        (gzip.compress(gzip.compress(b"md5:12")), "there is a gzip file in the gzip file"),
    ],
)
def test_what_is_not_recognised_is_said(body: bytes, message: str) -> None:
    """The error says what the file looks like."""
    with pytest.raises(UserError, match=message):
        read_all(body)


def test_all_kinds_of_rows() -> None:
    """Withdrawals, what is left out and bad rows come as they are read, with the source's id and tags."""
    text = (
        f"md5,hash,type,id,tags,deleted\n{MD5},,,a,x;y,\n,{PDQ},pdq,b,,yes\n,abc,sha512,c,,\n,,,d,,true\n,zz,md5,e,,\n"
    )
    found = read_all(text.encode(), quality=80)
    assert found[:4] == [
        ParsedHash(Signal("md5", MD5), "", "a", ("x", "y")),
        ParsedHash(Signal("pdq", PDQ, 80), "", "b", (), True),
        LeftOut(4, "sha512"),
        WithdrawnSource(5, "d"),
    ]
    assert isinstance(found[4], BadRow) and found[4].number == 6


@pytest.mark.parametrize(
    "body", ["SHA-1:{0}\nurl https://a.test/:b\nsha512 ab\n", "hash,type\n{0},HASH_SHA1\nb,URL\nab,sha_512\n"]
)
def test_names_of_types(body: str) -> None:
    """In every format types may be named as others write them, and those that can't be listed are left out."""
    sha1 = "2fd4e1c67a2d28fced849ee1bb76e7391b93eb12"
    name = "csv" if "," in body else "text"
    first, *others = read_all(body.format(sha1).encode(), name)
    assert first == ParsedHash(Signal("sha1", sha1))
    assert [each.what for each in others if isinstance(each, LeftOut)] == ["url", "sha512"]


def test_a_withdrawal_by_a_long_id_is_bad() -> None:
    """No entry has such an id."""
    assert read_all(f"md5,id,deleted\n,{'x' * 201},yes\n,{'x' * 200},yes\n".encode()) == [
        BadRow(2, "the source's id has more than 200 characters"),
        WithdrawnSource(3, "x" * 200),
    ]


def test_a_withdrawal_needs_no_quality() -> None:
    """A PDQ of low quality, which was listed before there was a limit, can be taken back."""
    row = {"type": "pdq", "value": PDQ, "quality": 10, "withdrawn": True}
    assert read_all(json.dumps(row).encode()) == [ParsedHash(Signal("pdq", PDQ, 10), withdrawn=True)]


def test_no_message_holds_a_long_line() -> None:
    """Whatever is wrong, at most 200 characters of the line are repeated, and none that a terminal would act on."""
    bad_lines = ("x" * 5000, "x" * 3000 + ":" + "y" * 3000, "md5:\x1b[2J" + "y" * 5000, "pdq " + "z" * 5000, "a" * 5000)
    for line in bad_lines:
        [bad] = read_all(line.encode(), "text")
        assert isinstance(bad, BadRow) and len(bad.why) < 400 and bad.why.isprintable()
