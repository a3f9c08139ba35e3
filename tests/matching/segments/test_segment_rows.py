"""Values as arrays, and how they are read from text."""

import numpy as np
import pytest
from tests.matching.segments.examples import MD5, PDQ, as_rows

from edgeward.matching.segments.segment_rows import ValueType, copy_rows, words_of


def test_values_are_read_from_text() -> None:
    """Hexadecimal text becomes bytes in the order they are written."""
    assert MD5.parse(["00" * 15 + "ff", "AB" * 16]).tolist() == [[0] * 15 + [255], [171] * 16]
    assert MD5.parse([]).shape == (0, 16)


@pytest.mark.parametrize("text", ["", "0" * 63, "0" * 65, "g" * 64, " " * 64, "é" * 64])
def test_malformed_values_are_refused(text: str) -> None:
    """A value of another length or with other characters is refused, wherever it stands."""
    with pytest.raises(ValueError, match=r"bits|hexadecimal"):
        PDQ.parse(["0" * 64, text])


def test_lengths_that_cannot_be_searched() -> None:
    """A type with a distance has whole words, a digest whole bytes; neither is empty."""
    for bits, has_distance in ((0, True), (96, True), (4, False), (-64, True), (0, False)):
        with pytest.raises(ValueError, match="multiple"):
            ValueType("x", bits, has_distance)


def test_words_differ_where_bytes_do() -> None:
    """The words of two values differ in as many bits as their bytes."""
    values = np.random.default_rng(1).integers(0, 256, (2, 40), np.uint8)
    one, other = words_of(values)
    assert np.bitwise_count(one ^ other).sum() == np.bitwise_count(values[0] ^ values[1]).sum()


def test_rows_must_fill_the_arrays() -> None:
    """Too few rows and too many are refused."""
    for count, message in ((1, "more than 1"), (3, "2 rows instead of 3")):
        values, refs = np.zeros((count, 16), np.uint8), np.zeros(count, np.uint64)
        with pytest.raises(ValueError, match=message):
            list(copy_rows([as_rows([b"a" * 16]), as_rows([b"b" * 16])], values, refs))
