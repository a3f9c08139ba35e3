"""The table of formats."""

from edgeward.lists.formats.table import FORMATS, recognize


def test_nothing_is_recognised_in_other_text() -> None:
    """An empty file, words and binary data have no format."""
    for head in (b"", b"# a comment\n", b"Dear Sir or Madam,\n", b"\0\1\2\3" * 100, b"<html>", b"[]", b"{}"):
        assert recognize(head) is None, head


def test_names_are_those_of_the_command_line() -> None:
    """Lower case, without spaces, each once."""
    assert all(name == each.name and name == name.lower() and " " not in name for name, each in FORMATS.items())
