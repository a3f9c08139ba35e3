"""The table of words for outcomes."""

from pathlib import Path

import pytest

from edgeward.types import Delivery
from edgeward.types.outcome_words import DONE_STATES, NO_COPY_STATES, WORDS, ReceiptState, Word, spoken, word_of


@pytest.mark.parametrize(
    ("delivery", "removed", "word"),
    [
        (Delivery.VERIFIED, 2, "verified"),
        (Delivery.VERIFIED, None, "verified"),
        (Delivery.VERIFIED, 0, "found_nothing"),
        (Delivery.DELIVERED, 0, "accepted"),
        (Delivery.DELIVERED, 1, "accepted"),
        (Delivery.UNSUPPORTED, None, "unsupported"),
        (Delivery.REFUSED, None, "refused"),
        (Delivery.WAITING, None, "owed"),
    ],
)
def test_each_outcome_has_a_word(delivery: Delivery, removed: int | None, word: str) -> None:
    """Accepted is never verified, and nothing was found only where that is verified."""
    assert word_of(delivery, removed) == word


def test_each_word_has_a_meaning() -> None:
    """No two say the same, or are counted by the same metric. Only what is verified is done without being asked."""
    assert set(WORDS) == set(Word)
    assert len({each.sentence for each in WORDS.values()}) == len({each.metric for each in WORDS.values()}) == len(Word)
    assert {word for word, each in WORDS.items() if each.done_for_removal} == {Word.VERIFIED}
    assert {word for word, each in WORDS.items() if each.done_for_listing} == {Word.VERIFIED, Word.FOUND_NOTHING}
    assert spoken(Word.FOUND_NOTHING) == "found nothing"


def test_what_is_done_is_not_always_gone() -> None:
    """The states in which nothing is owed, and those of them in which no copy is known to have been there."""
    assert NO_COPY_STATES < DONE_STATES
    assert {ReceiptState.ACCEPTED, ReceiptState.GONE} == DONE_STATES - NO_COPY_STATES


def test_the_documentation_has_the_table() -> None:
    """Each word with its meaning, what --wait makes of it, and its metric."""
    text = (Path(__file__).parents[2] / "docs" / "commands.md").read_text(encoding="utf-8")
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in text.splitlines() if line.startswith("| ")]
    for word, meaning in WORDS.items():
        (row,) = (row for row in rows if row[1:2] == [f"`{word}`"])
        assert (row[0], row[2], row[5]) == (spoken(word), meaning.sentence, f"`{meaning.metric}`")
        assert [cell[0] for cell in row[3:5]] == [
            str(int(not done)) for done in (meaning.done_for_listing, meaning.done_for_removal)
        ]
