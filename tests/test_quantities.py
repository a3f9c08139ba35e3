"""Numbers with their nouns."""

import pytest

from edgeward.quantities import counted


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
