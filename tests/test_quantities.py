"""Numbers with their nouns."""

import pytest

from edgeward.quantities import counted, listed


@pytest.mark.parametrize(
    ("number", "words", "text"),
    [
        (1, ("purge",), "1 purge"),
        (0, ("purge",), "0 purges"),
        (2, ("entry", "entries"), "2 entries"),
        (1, ("entry", "entries"), "1 entry"),
    ],
)
def test_a_number_has_its_noun(number: int, words: tuple[str, ...], text: str) -> None:
    """One purge, two purges; a plural that is not the noun with an s is given."""
    assert counted(number, *words) == text


def test_long_lists_of_names_are_cut() -> None:
    """With the number of those left out, which may be more than are given."""
    assert listed(["a", "b"], 3) == "a, b"
    assert listed(["a", "b", "c", "d", "e"], 3) == "a, b, c and 2 more"
    assert listed(["a", "b", "c"], 3, 9) == "a, b, c and 6 more"
    assert listed([], 3) == ""
