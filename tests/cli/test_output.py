"""What commands print."""

import pytest

from edgeward.cli import output


def test_columns_are_as_wide_as_their_widest_cell(capsys: pytest.CaptureFixture[str]) -> None:
    """Cells of a column begin below each other; no line ends in spaces."""
    output.print_table(("name", "n"), [["a", 1], ["longer", None]])
    assert capsys.readouterr().out == "NAME    N\na       1\nlonger  -\n"


def test_no_rows_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    """An empty answer is not an empty screen."""
    output.print_table(("name",), [])
    assert capsys.readouterr().out == "none\n"


def test_fields_align(capsys: pytest.CaptureFixture[str]) -> None:
    """One line a property, the values below each other."""
    output.print_fields([("id", "x"), ("longer", 0)])
    assert capsys.readouterr().out == "id      x\nlonger  0\n"


@pytest.mark.parametrize(
    ("seconds", "text"), [(1767225600.5, "2026-01-01T00:00:00.500Z"), (0, "-"), (None, "-"), (0.0, "-")]
)
def test_times_are_iso_8601_in_utc(seconds: float | None, text: str) -> None:
    """Times are UTC whatever the zone of the machine; a time that is not known is a dash."""
    assert output.moment(seconds) == text


def test_text_from_the_net_can_not_steer_the_terminal() -> None:
    """Escape sequences and line breaks in a URL or a reason are made visible."""
    assert output.cell("a\x1b[31m\nb") == "a\ufffd[31m\ufffdb"
