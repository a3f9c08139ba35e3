"""What holds for each format of the table, with good documents and with damaged ones."""

import contextlib
import gzip
import io
import itertools
import re
import tracemalloc
import zlib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.lists.formats.examples import EXAMPLES, MD5, PDQ

from edgeward.errors import UserError
from edgeward.lists.formats import BadRow, LeftOut, ReadOptions, WithdrawnSource
from edgeward.lists.formats.hash_files import ParsedHash, ParsedRow, format_of, open_file, read_rows
from edgeward.lists.formats.piece_stream import stream_of
from edgeward.lists.formats.table import FORMATS

PAGE = (Path(__file__).parents[3] / "docs" / "list-formats.md").read_text()
DOCUMENTED = {
    name: block.encode()
    for name, block in re.findall(r"^## (\S+)\n(?:(?!^## ).*\n)*?```\w*\n((?:.*\n)*?)```", PAGE, re.M)
}
"""By format, the first block of code of its section."""
OPTIONS = ReadOptions(categories=frozenset({"1", "2"}))
MAX_MESSAGE = 700
"""Characters of a message: what is wrong, names of what is known, and little of the line."""
NASTY = (
    *(
        b"\0",
        b"\n",
        b"\r",
        b'"',
        b"'",
        b",",
        b";",
        b":",
        b"{",
        b"}",
        b"[",
        b"]",
        b"<",
        b">",
        b"&",
        b"\\",
        b"%",
        b"=",
        b"#",
    ),
    *(b"\xff", b"\xfe\xff", b"\xed\xa0\x80", b"\\ud800", b"\xc3", b"\xef\xbb\xbf", b"NaN", b"Infinity", b"-", b"1e999"),
    *(b"9" * 6000, b"[" * 3000, b"{" * 3000, b'{"a":' * 2000, b"<a>" * 3000, b"x" * 10_000, b"null", b"true", b"{}"),
    *(b'<!DOCTYPE a [<!ENTITY b "cc"><!ENTITY d "&b;&b;">]>', b"&b;", b"<![CDATA[", b"<!--", b"=cmd|' /C calc'!A0"),
    *(b"\x1b[2J", "\N{PILE OF POO}\u202e".encode(), b"md5", b"pdq", b"=", b"%%%% ", b"quality 999"),
)


def read(body: bytes, name: str = "", signal_type: str | None = None) -> list[ParsedRow]:
    opened = open_file(io.BytesIO(body))
    file_format = format_of(opened.head, name)
    if file_format.describe:
        assert file_format.describe(opened.head, OPTIONS)
    return [*read_rows(opened.stream, file_format, OPTIONS, signal_type)]


@pytest.mark.parametrize("name", FORMATS)
def test_each_format_is_recognised_and_read(name: str) -> None:
    """Its example is taken for no other format, and gives hashes and no bad row; compressed and in UTF-16 the same."""
    rows = read(EXAMPLES[name])
    assert format_of(EXAMPLES[name]).name == name
    assert any(isinstance(row, ParsedHash) for row in rows)
    assert not [row for row in rows if isinstance(row, BadRow)]
    assert read(gzip.compress(EXAMPLES[name]), name) == rows
    if name != "ncmec":  # XML says its encoding itself
        assert read(EXAMPLES[name].decode().encode("utf-16"), name) == rows


@pytest.mark.parametrize("name", FORMATS)
def test_documented_examples_are_read(name: str) -> None:
    """docs/list-formats.md has a section for each format, whose example is recognised and read without a bad row."""
    assert format_of(DOCUMENTED[name]).name == name
    rows = read(DOCUMENTED[name])
    assert rows and not [row for row in rows if isinstance(row, BadRow)]


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """A document of one format with pieces cut, doubled, replaced, or taken from others, in any encoding."""
    body = EXAMPLES[draw(st.sampled_from(sorted(FORMATS)))]
    for _ in range(draw(st.integers(1, 4))):
        start, length = draw(st.integers(0, len(body))), draw(st.integers(0, 40))
        piece = draw(
            st.one_of(
                *(
                    st.just(b""),
                    st.just(body[start : start + length] * 2),
                    st.sampled_from(NASTY),
                    st.binary(max_size=4),
                ),
                st.sampled_from(sorted(EXAMPLES.values())),
            )
        )
        body = body[:start] + piece + body[start + length :]
    if draw(st.booleans()):
        body = body[: draw(st.integers(0, len(body)))]
    match draw(st.integers(0, 9)):
        case 0:
            return body.decode("latin-1").encode(draw(st.sampled_from(["utf-16", "utf-32", "utf-8-sig", "utf-16-le"])))
        case 1:
            packed = bytearray(zlib.compress(body, 1, 31))
            packed[draw(st.integers(0, len(packed) - 1))] ^= draw(st.integers(0, 255))
            return bytes(packed[: draw(st.integers(0, len(packed)))])
    return body


@settings(max_examples=150, deadline=None)
@given(damaged(), st.sampled_from(["", *FORMATS]), st.sampled_from([None, "md5", "pdq"]))
def test_damage_never_crashes(body: bytes, name: str, signal_type: str | None) -> None:
    """Any document is read by any format, row by row, or refused; no message is long or acts on a terminal."""
    try:
        rows = read(body, name, signal_type)
    except UserError as error:
        assert len(str(error)) <= MAX_MESSAGE and all(line.isprintable() for line in str(error).splitlines())
        return
    for row in rows:
        match row:
            case BadRow(number, text) | LeftOut(number, text):
                assert number >= 1 and text and len(text) <= MAX_MESSAGE and text.isprintable()
            case WithdrawnSource(number, source_id):
                assert number >= 1 and source_id
            case ParsedHash(signal):
                assert bytes.fromhex(signal.value) and signal.type


LONG = {
    "text": (b"", f"pdq:{PDQ}\n"),
    "csv": (b"id,pdq,md5,note\n", f'1,{PDQ},{MD5},"a, b"\n'),
    "jsonl": (b"", f'{{"value": "{PDQ}", "type": "pdq", "source_id": "12345"}}\n'),
    "checksums": (b"", f"{MD5}  name\n"),
    "hashdeep": (b"%%%% HASHDEEP-1.0\n%%%% size,md5,sha1,filename\n", f"1,{MD5},{PDQ[:40]},name\n"),
    "pdq": (b"", f"{PDQ},100,name\n"),
    "clamav": (b"", f"{MD5}:1:Name\nA;Target:0;0;fuzzy_img#af2ad01ed42993c7\n"),
}
"""Of formats of lines: the beginning of a long file, and what comes again and again."""


ENDLESS = (
    *(
        "Target:",
        "a;Target:;",
        ";",
        " ",
        "\t",
        " quality 1",
        " frame 1",
        "MD5 (a) = ",
        ")=a",
        "<!---->",
        "<!--",
        "<a:",
        '"a" :',
    ),
    *(
        "hash=",
        "a=b,",
        f"{PDQ},",
        f"hash={PDQ},a=b,",
        "fuzzy_img#0123456789abcdef;",
        "1:",
        "#",
        " #",
        '"',
        '""',
        "a,",
        "&",
    ),
)
"""What a pattern may try to match in many ways when it comes again and again."""


@pytest.mark.parametrize("name", ["", *FORMATS])
def test_time_grows_with_the_line_and_no_faster(name: str) -> None:
    """Long lines of what comes again and again are read in a moment. If the time grew with the square, this would not
    end before the test is stopped."""
    for piece in ENDLESS:
        for begin, end in (
            ("", "!"),
            ("a;", ""),
            ("md5:12", "x"),
            ("<!-- -->", "x"),
            (f"hash={PDQ},", ""),
            ("MD5 (", "g"),
        ):
            with contextlib.suppress(UserError):
                read(f"{begin}{piece * (30_000 // len(piece))}{end}\n".encode(), name)


@pytest.mark.parametrize("name", LONG)
def test_memory_does_not_grow_with_the_file(name: str) -> None:
    """Thousands of rows are read within 1.5 MiB: kept, they would take more. Half a MiB is the usual peak."""
    head, lines = LONG[name]
    stream = stream_of(itertools.chain((head,), itertools.repeat((lines * 100).encode(), 60)))
    tracemalloc.start()
    try:
        assert sum(isinstance(row, ParsedHash) for row in read_rows(stream, FORMATS[name])) >= 6000
        assert tracemalloc.get_traced_memory()[1] < 1536 * 1024
    finally:
        tracemalloc.stop()
