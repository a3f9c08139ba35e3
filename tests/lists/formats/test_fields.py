"""Fields of records, as several programmes write them."""

import pytest

from edgeward.lists.formats.fields import (
    KIND_CHARACTERS,
    MAX_DESCRIPTION,
    MAX_TAG_LENGTH,
    MAX_TAGS,
    can_be_written,
    hash_of,
    is_image,
    kind_of,
    reason_of,
    tags_of,
    text_of,
    truth_of,
)


def test_text() -> None:
    """Text without space around it and numbers as they are written; nothing of all else."""
    assert [text_of(value) for value in (" a b ", 12, 1.0, 2.5, 10**30, "\ud800x")] == [
        *("a b", "12", "1", "2.5", str(10**30), "?x")
    ]
    assert [text_of(value) for value in (None, True, [], {"a": 1}, b"x")] == [""] * 5
    assert (hash_of(" AB "), hash_of("\udfff"), hash_of(7)) == ("AB", "?", 7)
    assert [can_be_written(value) for value in ("a", "é😀?", "\ud83d", "a\udfff")] == [True, True, False, False]
    assert reason_of("x" * 1000) == "x" * MAX_DESCRIPTION


def test_truth() -> None:
    """Booleans, also as text and numbers; what is neither is an error."""
    for value in (True, "true", "TRUE", " yes", 1, "1"):
        assert truth_of(value)
    for value in (False, None, "false", "no", 0, "0", ""):
        assert not truth_of(value)
    for value in ("maybe", 2, "tru"):
        with pytest.raises(ValueError, match="neither true nor false"):
            truth_of(value)


def test_images() -> None:
    """By extension and by media type; what has no type may be one."""
    for file_type in ("", "jpg", ".JPEG", "image/png", "IMAGE/x-new", "image", "webp"):
        assert is_image(file_type), file_type
    for file_type in ("mp4", "video/mp4", "pdf", "application/image", "image/"):
        assert not is_image(file_type), file_type


def test_tags_and_kinds_are_bounded() -> None:
    """Each tag once, without empty ones and what is no text; so many, so long."""
    assert tags_of(["b", "a", " b", "", None, 3, ["x"]]) == ("b", "a", "3")
    assert tags_of(map(str, range(1000))) == tuple(map(str, range(MAX_TAGS)))
    assert tags_of(["x" * 1000]) == ("x" * MAX_TAG_LENGTH,)
    assert (kind_of("VideoTMK"), kind_of(None)) == ("VideoTMK", "unknown kind")
    assert len(kind_of("x" * 1000)) <= KIND_CHARACTERS + 3
    assert kind_of("a\x1b[31m").isprintable()
