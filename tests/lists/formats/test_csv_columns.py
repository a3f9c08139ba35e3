"""Columns of a CSV."""

import pytest

from edgeward.hashing.signal_registry import listable_types
from edgeward.lists.formats import ReadOptions
from edgeward.lists.formats.csv_columns import NAMES, columns_of, is_withdrawn

MD5 = "9e107d9d372bb6826bd81d3542a419d6"


def test_each_name_of_the_table_is_known() -> None:
    """Every name in a header gives its column, and every signal type does too, with usual words around it."""
    for what, names in NAMES.items():
        for name in names:
            assert columns_of([["md5" if what != "md5" else "sha1", name.upper()]], ReadOptions()).places[what] == 1
    for name in listable_types():
        for header in (name, f"{name}_hash", f"Hash {name}", f"{name.upper()}-hex", f"file.{name}", f"{name} Base64"):
            assert columns_of([["x", header]], ReadOptions()).places == {name: 1}, header


def test_a_header_is_told_from_hashes() -> None:
    """A first row with a hash in it is no header, unless that is given."""
    assert columns_of([["MD5", "id"]], ReadOptions()).names == ["MD5", "id"]
    assert columns_of([[MD5, "id"]], ReadOptions()).names == []
    assert columns_of([[MD5, "md5"]], ReadOptions(has_header=True)).names == [MD5, "md5"]


@pytest.mark.parametrize(
    ("word", "withdrawn"),
    [(" DELETE ", True), ("1", True), ("", False), ("No", False), ("active", False), ("odd", None)],
)
def test_words_for_withdrawn(word: str, withdrawn: bool | None) -> None:
    """Known words mean one of two things, and others nothing."""
    assert is_withdrawn(word) is withdrawn
