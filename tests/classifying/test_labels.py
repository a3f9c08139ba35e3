"""Labels are checked when they leave the process, and again when they arrive."""

import json
import math

import pytest

from edgeward.classifying.labels import MAX_LABELS, Label, from_json, to_json, top_labels


def test_the_best_come_first() -> None:
    """Highest score first, rounded, at most MAX_LABELS; scores may be numbers of other types."""
    found = [(str(number), number / 100) for number in range(20)]
    assert top_labels(found)[:2] == (Label("19", 0.19), Label("18", 0.18))
    assert len(top_labels(found)) == MAX_LABELS
    assert top_labels([("a", 1.00001), ("b", 0), ("c", 0.123456)]) == (("a", 1.0), ("c", 0.1235), ("b", 0.0))
    assert top_labels(None) == top_labels([]) == ()


@pytest.mark.parametrize("name", ["", "x" * 65, "a/b", "a\nb", "a\n", "é", 7, None])
def test_names_are_short_and_plain(name: object) -> None:
    """A label that people see has no control characters and is short; checked when it is sent and when it arrives."""
    with pytest.raises(ValueError, match="name of a label"):
        top_labels([(name, 0.5)])  # type: ignore[list-item]
    with pytest.raises(ValueError, match="name of a label"):
        from_json(json.dumps([[name, 0.5]]).encode())


@pytest.mark.parametrize("score", [1.1, -0.1, math.nan, math.inf])
def test_scores_are_from_0_to_1(score: float) -> None:
    """Anything but a number from 0 to 1 is refused, NaN too."""
    with pytest.raises(ValueError, match="from 0 to 1"):
        top_labels([("a", score)])
    with pytest.raises(ValueError, match="from 0 to 1"):
        from_json(json.dumps([["a", score]]).encode())


def test_they_arrive_as_they_were_sent() -> None:
    """Labels, no labels, and the failure of the classifier differ."""
    for labels in ((Label("a b", 0.5), Label("c", 1.0)), (), None):
        assert from_json(to_json(labels)) == labels


@pytest.mark.parametrize(
    "text",
    [
        b"", b"7", b"true", b"{}x", b'"ab"', b'["ab"]', b'{"ab": 1}', b"\xff",
        b'[["a"]]', b'[["a", 0.5, 1]]', b'[["a", "0.5"]]', b'[["a", true]]',
        b"[" * 4000, json.dumps([["a", 0.5]] * (MAX_LABELS + 1)).encode(),
    ],
)  # fmt: skip
def test_all_else_is_refused(text: bytes) -> None:
    """Anything else that a process sends is a ValueError."""
    with pytest.raises(ValueError, match=r"."):
        from_json(text)
