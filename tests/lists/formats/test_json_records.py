"""Records of JSON streams: where they are, what is wrong and where, and bounds."""

import io
import json
import tracemalloc
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgeward.errors import UserError
from edgeward.lists.formats import BadRow
from edgeward.lists.formats.json_records import MAX_DEPTH, MAX_VALUE, Record, json_records, keys_in

FIELDS, ARRAYS = frozenset({"a", "list"}), frozenset({"rows", "cases"})


def read(body: bytes | str) -> list[Record | BadRow]:
    stream = io.BytesIO(body if isinstance(body, bytes) else body.encode())
    return list(json_records(stream, FIELDS, ARRAYS))


def fields(body: bytes | str) -> list[Any]:
    return [dict(each.fields) if isinstance(each, Record) else each.why for each in read(body)]


def refused(body: bytes | str) -> str:
    with pytest.raises(UserError) as error:
        read(body)
    return str(error.value)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ('[{"a": 1}, {"a": 2}]', [{"a": 1}, {"a": 2}]),
        ('{"count": 2, "rows": [{"a": 1}, {"a": 2}], "next": null}', [{"a": 1}, {"a": 2}]),
        ('[{"rows": [{"a": 1}]}, {"rows": []}, {"rows": [{"a": 2}]}]', [{"a": 1}, {"a": 2}]),
        ('{"rows": [{"id": 7, "a": 5, "cases": [{"a": 1}, {"a": 2}]}]}', [{"a": 1}, {"a": 2}]),
        ('{"rows": [{"a": 1}]} {"rows": [{"a": 2}]}', [{"a": 1}, {"a": 2}]),
        ('{"a": 1}\n{"a": 2}\n', [{"a": 1}, {"a": 2}]),
        ('{"A": {"B": [1, {"c": null}]}, "z": [[{"a": 3}]]}', [{"a": {"B": [1, {"c": None}]}}]),
        ('{"rows": "none"}', [{}]),
        ("[]", []),
        ('[1, "text", [{"a": 1}], null, {"a": 1}]', [*["not a JSON object"] * 4, {"a": 1}]),
    ],
)
def test_records_are_found_where_they_are(body: str, expected: list[Any]) -> None:
    """In arrays at the top and under the format's keys, in arrays of pages, in documents one after another."""
    assert fields(body) == expected
    assert [each.number for each in read(body)] == list(range(1, len(expected) + 1))


def test_a_byte_order_mark_is_passed_over() -> None:
    """Also where the stream gives one byte at a time."""

    class Slow(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            return super().read(min(size or 0, 1))

    body = b'\xef\xbb\xbf[{"a": "\xc3\xa9"}]'
    assert fields(body) == [{"a": "é"}]
    slow = list(json_records(Slow(body), FIELDS, ARRAYS))
    assert [each.fields for each in slow if isinstance(each, Record)] == [{"a": "é"}]


def test_a_key_that_is_there_twice_makes_a_bad_row() -> None:
    """Nobody can tell which of the two is meant; keys are compared without case."""
    for padding in ("", " " * 200_000):  # within one piece, and over several
        rows = read(f'[{{"a": 1, {padding}"A": 2}}, {{"a": 1, {padding}"a": 2}}, {{"b": {padding}{{"x": 1}}, "a": 3}}]')
        assert rows[:2] == [BadRow(1, "the key A is there twice"), BadRow(2, "the key a is there twice")]
        assert isinstance(rows[2], Record)


NOT_JSON = {
    '[{"a": 1}, {"a": NaN}]': (17, 1, "NaN is no JSON value"),
    '[{"a": 1}, {"a": -Infinity}]': (17, 1, "-Infinity is no JSON value"),
    '[{"a": 1}, {"a": 01}]': (18, 1, "',' must be here"),
    '[{"a": 1}, {"a" 1}]': (16, 1, "':' must be here"),
    '[{"a": 1}, {1: 2}]': (12, 1, "a key must be in double quotes"),
    "[{'a': 1}]": (2, 0, "a key must be in double quotes"),
    '[{"a": 1},]': (10, 1, "a comma precedes the end"),
    '[{"a": 1,}]': (9, 0, "a comma precedes the end"),
    '[{"a": 1},,{"a": 1}]': (10, 1, "expecting value"),
    '[{"a": 1} {"a": 1}]': (10, 1, "',' must be here"),
    '[{"é": 1} {"a": 1}]': (11, 1, "',' must be here"),
    '[{"a": 1}]]': (10, 1, "expecting value"),
    '[{"a": "\x01"}]': (8, 0, "invalid control character at"),
    '[{"a": "\\x1"}]': (8, 0, "invalid \\escape"),
    '[{"a": 1 /* one */}]': (9, 0, "',' must be here"),
    '{"rows": [{"a": 1}], "b": tru}': (26, 1, "expecting value"),
    f'[{{"a": {"1" * 10_000}}}]': (7, 0, "a number has too many digits"),
    "no JSON": (0, 0, "expecting value"),
    "<xml/>": (0, 0, "expecting value"),
}


@pytest.mark.parametrize(("body", "expected"), NOT_JSON.items(), ids=lambda value: str(value)[:20])
def test_what_is_no_json_is_said_with_its_place(body: str, expected: tuple[int, int, str]) -> None:
    """The byte, and the number of the last good record; never a piece of the file. Also behind many pieces."""
    byte, number, why = expected
    assert refused(body) == f"the file is not JSON as it can be read, at byte {byte}, after record {number}: {why}"
    if body.startswith("["):
        many = '{"a": 1},' * 20_000
        message = refused(f"[{many}{body[1:]}")
        assert f"at byte {byte + len(many):,}, after record {number + 20_000:,}: {why}" in message


@pytest.mark.parametrize("wrong", [b"\xff", b"\xed\xa0\x80", b"\xc0\x80", b"\xf5\x80\x80\x80"])
def test_what_is_not_utf_8_is_said_with_its_place(wrong: bytes) -> None:
    """Also where a piece ends within the character."""
    for before in range(65_530, 65_540):
        body = b'["' + b"x" * before + wrong + b'"]'
        assert refused(body) == f"the file is not UTF-8 text at byte {before + 2:,}"
    assert refused('[{"a": 1}]'.encode("utf-16")) == "the file is not UTF-8 text at byte 0"


@pytest.mark.parametrize(
    "whole",
    [
        '{"rows": [{"a": "x\\u00e9z"}, {"a": [1.5e3, -2]}]}',
        '\ufeff[{"a": true}, {"b": {"é": null}}]',
        '{"b": [[1], "é"]}',
    ],
)
def test_a_document_that_breaks_off_gives_an_error(whole: str) -> None:
    """At any byte; with the byte, but for one in the middle of a character."""
    body = whole.encode()
    assert read(body)
    for end in range(1, len(body)):
        message = refused(body[:end])
        assert "breaks off at byte" in message or "not UTF-8" in message or (end <= 3 and "empty" in message), message
    assert refused(b"") == refused(b" \n") == "the file is empty"
    assert refused(b'[{"a": 1}, {"a": 2}, {"a"') == "the file breaks off at byte 25, after 2 whole records"


def test_values_are_whole_wherever_a_piece_ends() -> None:
    """Numbers, words, escapes and characters of several bytes across the end of a piece."""
    member = '{"a": [-12.5e3, true, null, "\\ud83d\\ude00 \\n é", 123456789012345678901]}'
    expected = {"a": [-12500.0, True, None, "😀 \n é", 123456789012345678901]}
    for before in range(65_400, 65_540):
        body = f'{{"b": "{"x" * before}", "rows": [{member}], "c": {member}}}'
        assert fields(body) == [expected]
    for before in range(131_040, 131_075):
        long = f'[{{"b": "{"x" * before}", "a": 1234567890, "c": "{"y" * 200_000}"}}]'
        assert fields(long) == [{"a": 1234567890}]


def test_what_is_too_long_is_an_error() -> None:
    """A value, a key or a record of more than MAX_VALUE characters, also where it is not used. Blanks are none."""
    size = 3 * MAX_VALUE
    message = f"longer than {MAX_VALUE:,} characters"
    for start in ('[{"a": "', '[{"b": "', '[{"', '[{"a": [1, "', '{"x": "', '["', '[{"a": {"b": "'):
        assert message in refused(start + "x" * size), start
    assert message in refused('[{"a": [' + "1," * (size // 2) + "1]}]")
    assert fields("[" + " " * size + '{"a": 1}]' + " " * size) == [{"a": 1}]
    assert "too many digits" in refused('[{"a": ' + "1" * size + "}]")


@pytest.mark.parametrize("start", ['[{"a": ', '{"rows": [{"b": ', '{"x": '])
@pytest.mark.parametrize(("opening", "closing"), [("[", "]"), ('{"k": ', "}")])
def test_depth_is_bounded(start: str, opening: str, closing: str) -> None:
    """In values that are used, and in those that are not; and of arrays of records."""
    end = "".join({"[": "]", "{": "}"}[each] for each in reversed(start) if each in "[{")
    assert len(fields(start + opening * 60 + "1" + closing * 60 + end)) == 1
    for depth in (100_000, 1_000_000):
        message = refused(start + opening * depth)
        assert "nested" in message or "longer than" in message
    assert f"nested more than {MAX_DEPTH} deep" in refused('{"rows": [' * 100_000)


def test_memory_does_not_grow_with_the_file() -> None:
    """Nor with what is outside of records, nor with the number of keys."""

    class Endless(io.RawIOBase):
        def __init__(self, before: bytes, piece: bytes, size: int) -> None:
            self.before, self.piece, self.left = before, piece * (65536 // len(piece) + 1), size

        def readable(self) -> bool:
            return True

        def read(self, size: int = -1, /) -> bytes:
            body, self.before = self.before or self.piece, b""
            self.left -= len(body) if size else 0
            return (body if self.left > 0 else b"") if size else b""

    record, key = b'{"a": "text", "z": ["' + b"x" * 2000 + b'"]},', b'"k": "' + b"x" * 2000 + b'",'
    for before, piece in ((b'{"rows": [', record), (b'{"rows": [], "z": [', record), (b'{"rows": [],', key)):
        tracemalloc.start()
        count = 0
        with pytest.raises(UserError, match="breaks off"):
            for _ in json_records(Endless(before, piece, 12_000_000), FIELDS, ARRAYS):  # type: ignore[arg-type]
                count += 1
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 2_000_000
        assert count > 5000 or before != b'{"rows": ['


def test_keys_of_a_beginning() -> None:
    """Those before the cut, in lower case, at any depth; none of what is not JSON."""
    assert keys_in(b' {"Count": 1, "rows": [{"A": {"b": "tex') == {"count", "rows", "a", "b"}
    assert keys_in(b'[{"a" : "b", "c": ["d", 1]') == {"a", "c"}
    assert keys_in(b'"a": 1') == keys_in(b"") == keys_in(b"\x89PNG") == frozenset()


def test_a_record_says_what_it_lacks() -> None:
    """And which keys it has: the first ones, not whole if they are long."""
    record, without = read(json.dumps([{"a": 1, "b" * 100: 2, **{f"k{n}": n for n in range(20)}}, {}]))
    assert isinstance(record, Record)
    assert isinstance(without, Record)
    why = record.lacks("hash", "rows").why
    assert why.startswith(f"there is no hash or rows; its keys are a, {'b' * 40}..., k0, k1")
    assert "k9" not in why
    assert without.lacks("hash").why == "there is no hash; it has no keys"


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["a", "A", "rows", "z"]), inner, max_size=3)
    ),
    max_leaves=12,
)


@settings(max_examples=60, deadline=None)
@given(value=JSON_VALUES, cut=st.none() | st.integers(0, 100), inserted=st.binary(max_size=3))
def test_any_document_ends_in_records_or_a_user_error(value: Any, cut: int | None, inserted: bytes) -> None:
    """Cut, and with bytes inserted. Objects of a whole document are all read."""
    body = json.dumps(value).encode()
    whole = fields(body)
    if isinstance(value, list) and not any(isinstance(each, dict) and holds_rows(each) for each in value):
        assert len(whole) == len(value)
    if cut is not None:
        try:
            read(body[:cut] + inserted + body[cut:])
            read(body[:cut])
        except UserError as error:
            assert len(str(error)) < 300


def holds_rows(value: dict[str, Any]) -> bool:
    return isinstance(value.get("rows"), list)
