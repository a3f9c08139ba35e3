"""Numbers with their nouns, and excerpts."""

import pytest

from edgeward.quantities import PROCESSES_NAMED, counted, excerpt, listed, not_heard_from


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


def test_processes_that_are_not_heard_from() -> None:
    """Each with the time; of many, the first."""
    ages = (1.6, 119.0, 120.0, 7200.0, 200_000.0)
    found = not_heard_from([(f"edge1/proxy/{number}", age) for number, age in enumerate(ages)])
    assert [text.partition(":")[0].removeprefix("not heard from for ") for text in found] == [
        "2 s", "119 s", "2 min", "2 h", "2 days"]  # fmt: skip
    assert found[0].endswith(": edge1/proxy/0; it may still serve by older lists")
    (controller,) = not_heard_from([("edge1/controller/8#a", 4.0)])
    assert controller == "not heard from for 4 s: edge1/controller/8#a; it serves no images"
    many = not_heard_from([("a", 5.0)] * (PROCESSES_NAMED + 3))
    assert (len(many), many[-1]) == (PROCESSES_NAMED + 1, "not heard from: 3 more processes")


def test_excerpts_are_short_and_printable() -> None:
    """What is longer is cut, and what a terminal would act on is escaped; the rest stays as it is."""
    assert excerpt("md5:12 ä") == "md5:12 ä"
    assert excerpt("abcdef", 3) == "abc..."
    assert excerpt("a\x1b[2J\nb") == r"a\x1b[2J\nb"
    assert len(excerpt("\x00" * 5000)) <= 200
