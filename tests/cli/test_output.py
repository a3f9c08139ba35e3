"""What commands print: tables, fields, times and safe text."""

import io
import json
from contextlib import redirect_stdout

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgeward.cli import output
from edgeward.cli.output import print_json


def test_columns_are_as_wide_as_their_widest_cell(capsys: pytest.CaptureFixture[str]) -> None:
    """The cells of a column are aligned, and no line ends in spaces."""
    output.print_table(("name", "n"), [["a", 1], ["longer", None]])
    assert capsys.readouterr().out == "NAME    N\na       1\nlonger  -\n"


def test_no_rows_is_none(capsys: pytest.CaptureFixture[str]) -> None:
    """A table without rows is printed as "none"."""
    output.print_table(("name",), [])
    assert capsys.readouterr().out == "none\n"


def test_fields_align(capsys: pytest.CaptureFixture[str]) -> None:
    """Each field is one line, and the values are aligned."""
    output.print_fields([("id", "x"), ("longer", 0)])
    assert capsys.readouterr().out == "id      x\nlonger  0\n"


@pytest.mark.parametrize(
    ("seconds", "text"), [(1767225600.5, "2026-01-01T00:00:00.500Z"), (0, "-"), (None, "-"), (0.0, "-")]
)
def test_times_are_iso_8601_in_utc(seconds: float | None, text: str) -> None:
    """Times are in UTC whatever the time zone of the machine; an unknown time is a dash."""
    assert output.iso_time(seconds) == text


def test_text_from_the_network_can_not_control_the_terminal() -> None:
    """Escape sequences and line breaks are replaced by visible characters."""
    assert output.printable("a\x1b[31m\nb") == "a\ufffd[31m\ufffdb"


@settings(max_examples=200, deadline=None)
@given(st.recursive(st.text() | st.binary().map(lambda data: data.decode("utf-8", "surrogateescape")), st.lists))
def test_json_is_valid_whatever_bytes_a_text_holds(value: object) -> None:
    """A Host, a URL or a file name may hold any bytes: the output is ASCII in every locale, and means the same."""
    out = io.TextIOWrapper(io.BytesIO(), encoding="ascii", errors="strict")
    with redirect_stdout(out):
        print_json(value)
    out.seek(0)
    assert json.loads(out.read()) == value
