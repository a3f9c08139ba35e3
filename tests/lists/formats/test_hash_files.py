"""Files of hashes: good lines are read, and bad lines are reported by number."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgeward.errors import UserError
from edgeward.lists.formats.hash_files import BadLine, BadLines, Format, ParsedHash, read
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
        ("text", f"\n\n{MD5}", 3, "no type"),
        ("text", "nonsense:" + MD5, 1, "is not a signal type"),
        ("text", "pdq:" + "0" * 64, 1, "blank"),
        ("csv", f"type,value\nmd5,{MD5}\nmd5,{MD5},3\n", 3, "3 columns where the header has 2"),
        ("csv", f"type,value,quality\npdq,{PDQ},x\n", 2, "'x' is not a quality"),
        ("csv", f"type,value,quality\npdq,{PDQ},10\n", 2, "never matches"),
        ("csv", f"type,value,quality\nmd5,{MD5},90\n", 2, "is not a quality"),
        ("csv", f'type,value\nmd5,"{MD5}\n', 2, "not CSV"),
        ("jsonl", '{"type": "md5"}', 1, "there is no value"),
        ("jsonl", '\n{"value": 5}', 2, "must be text"),
        ("jsonl", '["md5"]', 1, "not a JSON object"),
        ("jsonl", "{", 1, "not JSON"),
        ("jsonl", "[" * 100_000, 1, "not JSON"),
        ("jsonl", '{"value": "' + MD5 + '", "color": 1}', 1, "unknown key color"),
        ("jsonl", '{"type": "md5", "value": "' + MD5 + '", "reason": "' + "x" * 2001 + '"}', 1, "2000 characters"),
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
        ("text", b"md5:\xff", "not UTF-8"),
        ("csv", b"", "first line must name"),
        ("csv", b"type,hash\n", "first line must name"),
        ("csv", b"value,value\n", "first line must name"),
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


@settings(max_examples=200)
@given(st.binary(max_size=200), st.sampled_from(["text", "csv", "jsonl"]))
def test_garbage_never_crashes(body: bytes, kind: Format) -> None:
    """Any file is read, reported line by line, or refused."""
    try:
        found = read(body, kind, "md5")
    except UserError:
        return
    assert all(each.number >= 1 and each.why for each in found.bad)
