"""ThreatExchange's CSV."""

import hashlib
import io

import pytest
from tests.lists.formats.reading import bad, hashes, left_out, read

from edgeward.errors import UserError
from edgeward.lists.formats import BadRow, HashRow
from edgeward.lists.formats.hash_files import ParsedHash, open_file, read_rows
from edgeward.lists.formats.table import FORMATS, recognize

MD5, SHA1, PDQ = "0A" * 16, "0b" * 20, hashlib.sha256(b"a picture").hexdigest()
HEADER = (
    "td_description,td_status,td_severity,td_raw_indicator,td_indicator,td_owner_id,td_owner_name,td_subjective_tags"
)


def line(value: str, status: str = "MALICIOUS", description: str = "") -> str:
    return f'"{description}",{status},SEVERE,{value},1234,616,"Example, Inc.",media;other'


def csv(*lines: str) -> str:
    return "\n".join([HEADER, *lines, ""])


def test_hashes_are_read_by_their_length() -> None:
    """With the description, the owner and the labels."""
    rows = read("threatexchange-csv", csv(line(MD5, description='a ""b""\nc'), line(SHA1)))
    assert rows == [
        HashRow(3, MD5, "md5", reason='a "b"\nc', tags=("media", "other", "owner:Example, Inc.")),
        HashRow(4, SHA1, "sha1", tags=("media", "other", "owner:Example, Inc.")),
    ]
    assert recognize(csv().encode()) is FORMATS["threatexchange-csv"]


def test_64_digits_need_a_type() -> None:
    """They may be SHA-256 or PDQ; shorter ones keep theirs where a type is given for all."""

    def parsed(signal_type: str | None) -> list[object]:
        opened = open_file(io.BytesIO(csv(line(PDQ), line(MD5)).encode()))
        return list(read_rows(opened.stream, FORMATS["threatexchange-csv"], signal_type=signal_type))

    first, second = parsed(None)
    assert isinstance(first, BadRow)
    assert "may be sha256 or pdq: say which (--type)" in first.why or "may be pdq or sha256" in first.why
    assert isinstance(second, ParsedHash)
    assert [row.signal.type for row in parsed("pdq") if isinstance(row, ParsedHash)] == ["pdq", "md5"]


def test_other_indicators_are_counted() -> None:
    """URLs, and what members call harmless."""
    rows = read(
        "threatexchange-csv", csv(line("https://example.org/"), line("0f" * 8), line(MD5, "NON_MALICIOUS"), line(SHA1))
    )
    assert left_out(rows) == [*["indicator that is no hash"] * 2, "indicator of status NON_MALICIOUS"]
    assert hashes(rows) == [("sha1", SHA1)]


def test_damage_is_told() -> None:
    """A row of other length, a header without the column, a quote without an end."""
    assert bad(read("threatexchange-csv", csv("a,b"))) == [(2, "2 columns where the header has 8")]
    with pytest.raises(UserError, match="line 1: the first line must name the columns, td_raw_indicator or"):
        read("threatexchange-csv", f"{MD5},x\n")
    with pytest.raises(UserError, match="not CSV"):
        read("threatexchange-csv", csv('"x'))
