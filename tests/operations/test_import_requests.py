"""What an import asks for, and the profile of a list."""

import io
import json

import pytest

from edgeward.errors import InvalidValue
from edgeward.operations.import_requests import ImportRequest, check_format, check_separator, columns_of, read_options


def test_a_profile_says_how_a_file_is_read() -> None:
    """As JSON, and back; what is to be done with the file is no part of it."""
    options = read_options("md5=col3, SHA1 = Hash SHA1", "tab", False, "1, 2,")
    asked = ImportRequest("a", io.BytesIO(), "csv", options, "pdq", 80, "r", True, True, True, True)
    profile = json.loads(json.dumps(asked.profile))
    assert profile == {
        "format": "csv",
        "map": {"md5": "col3", "sha1": "Hash SHA1"},
        "separator": "\t",
        "header": False,
        "categories": ["1", "2"],
        "type": "pdq",
        "quality": 80,
    }
    plain = ImportRequest("a", io.BytesIO())
    read = plain.with_profile({**profile, "of a later release": 1})
    assert (read.format, read.options, read.signal_type, read.quality) == ("csv", options, "pdq", 80)
    assert not read.skip_bad and not read.save_profile
    assert plain.profile == {}
    assert plain.with_profile({}).profile == {}


@pytest.mark.parametrize("text", ["md5", "=a", "md5=", "md5=a,md5=b", "md5=a,MD5=b"])
def test_a_map_names_each_field_once(text: str) -> None:
    """With its column."""
    with pytest.raises(InvalidValue, match=r"^map: "):
        columns_of(text)
    assert columns_of("") == {}


def test_formats_and_separators() -> None:
    """Separators that are hard to type have names."""
    assert check_format("csv") == "csv"
    with pytest.raises(InvalidValue, match=r"unknown format 'word'; known: .*csv"):
        check_format("word")
    assert [check_separator(each) for each in ("", ";", "tab", r"\t", "pipe")] == ["", ";", "\t", "\t", "|"]
    for bad in ("::", '"', "\n"):
        with pytest.raises(InvalidValue, match=r"^separator: "):
            check_separator(bad)
