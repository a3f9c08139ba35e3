"""Tech Against Terrorism's JSON."""

from typing import Any

from tests.lists.formats.reading import bad, hashes, left_out, read, text

from edgeward.lists.formats import HashRow
from edgeward.lists.formats.tat import looks_like

MD5, PDQ, SHA256 = "0a" * 16, "0b" * 32, "0c" * 32


def record(number: int, value: str, algorithm: str, file_type: Any = "jpg", **more: Any) -> dict[str, Any]:
    return {
        "hash_digest": value,
        "algorithm": algorithm,
        "ideology": "far-right",
        "file_type": file_type,
        "deleted": False,
        "updated_on": 1704901040.222779,
        "created_on": "2025-03-03 23:05:22,587",
        "id": number,
        **more,
    }


def page(*records: dict[str, Any]) -> dict[str, Any]:
    more = {"next": "https://example.org/api/hashes?after=1", "previous": None}
    return {"count": len(records), **more, "checkpoint": "1724856487.709035,10594", "results": list(records)}


def test_pages_and_whole_lists() -> None:
    """A page, an array of pages, and the array that the nightly file is; algorithms in any case and with dashes."""
    one, two, three = record(1, MD5, "MD5"), record(2, PDQ, "pdq", "gif"), record(3, SHA256, "SHA-256", "image/png")
    expected = [("md5", MD5), ("pdq", PDQ), ("sha256", SHA256)]
    for document in (page(one, two, three), [page(one, two), page(three)], [one, two, three]):
        assert hashes(read("tat", document)) == expected
        assert looks_like(text(document).encode())
    assert read("tat", [two]) == [HashRow(1, PDQ, "pdq", source_id="2", tags=("far-right",))]
    assert not looks_like(b'[{"hash": "x"}]')


def test_deleted_hashes_are_withdrawn() -> None:
    """As a boolean or as text; what is neither is a bad row."""
    rows = read("tat", [record(n, MD5, "md5", deleted=deleted) for n, deleted in enumerate((True, "true", None, "?"))])
    assert [row.withdrawn for row in rows if isinstance(row, HashRow)] == [True, True, False]
    assert bad(rows) == [(4, "deleted is neither true nor false")]


def test_other_files_and_algorithms_are_counted() -> None:
    """Videos, documents, hashes that images do not have here; a record without a type of file may be an image."""
    records = [record(1, MD5, "MD5", "mp4"), record(2, MD5, "md5", "application/pdf"), record(3, "x", "TMK+PDQF")]
    rows = read("tat", [*records, record(4, MD5, "MD5", None)])
    assert left_out(rows) == ["MD5 of a file of type mp4", "md5 of a file of type application/pdf", "TMK+PDQF"]
    assert hashes(rows) == [("md5", MD5)]


def test_records_without_a_hash_are_bad() -> None:
    """With their number and what they have."""
    assert bad(read("tat", [{"algorithm": "MD5"}])) == [
        (1, "there is no hash_digest or results; its keys are algorithm")
    ]
