"""ThreatExchange's JSON: updates of indicators, and descriptors."""

from typing import Any

from tests.lists.formats.reading import bad, hashes, left_out, read, text

from edgeward.lists.formats import HashRow, WithdrawnSource
from edgeward.lists.formats.threatexchange_json import looks_like

MD5, SHA1, SHA256, PDQ = "0a" * 16, "0b" * 20, "0c" * 32, "0d" * 32


def descriptor(status: str = "MALICIOUS", owner: str = "616", **more: Any) -> dict[str, Any]:
    said = {"id": "305", "owner": {"id": owner}, "status": status, "added_on": "2020-07-01T18:31:15+0000"}
    return {**said, "tags": {"data": [{"id": "1", "text": "media"}]}, **more}


def update(number: int, value: str | None, kind: str, *descriptors: Any, **more: Any) -> dict[str, Any]:
    row = {"id": str(number), "indicator": value, "type": kind, "last_updated": 1625167804, "should_delete": False}
    return {**row, **({"descriptors": {"data": list(descriptors)}} if descriptors else {}), **more}


def page(*rows: dict[str, Any]) -> dict[str, Any]:
    return {"data": list(rows), "paging": {"cursors": {"before": "x", "after": "y"}, "next": "https://example.org/"}}


def test_all_hashes_of_images_are_read() -> None:
    """From pages and from arrays, with the id of the indicator, the labels and who gave them."""
    kinds = (("HASH_MD5", MD5), ("HASH_SHA1", SHA1), ("HASH_SHA256", SHA256), ("HASH_PDQ", PDQ))
    updates = [update(n, value, kind, descriptor()) for n, (kind, value) in enumerate(kinds)]
    expected = [("md5", MD5), ("sha1", SHA1), ("sha256", SHA256), ("pdq", PDQ)]
    for document in (page(*updates), updates, [page(*updates[:2]), page(), page(*updates[2:])]):
        assert hashes(read("threatexchange-json", document)) == expected
        assert looks_like(text(document).encode())
    assert read("threatexchange-json", updates[3:]) == [
        HashRow(1, PDQ, "pdq", source_id="3", tags=("media", "owner:616")),
    ]


def test_what_should_be_deleted_is_withdrawn() -> None:
    """Marked, or without descriptors; by the id where the hash is not named any more."""
    rows = read(
        "threatexchange-json",
        page(
            update(1, MD5, "HASH_MD5", descriptor(), should_delete=True),
            update(2, PDQ, "HASH_PDQ"),
            update(3, PDQ, "HASH_PDQ", descriptors={"data": []}),
            update(4, None, "HASH_PDQ", should_delete=True),
            update(5, MD5, "HASH_MD5", should_delete="?"),
        ),
    )
    assert [(row.value, row.withdrawn) for row in rows if isinstance(row, HashRow)] == [
        *((MD5, True), (PDQ, True), (PDQ, True))
    ]
    assert rows[3] == WithdrawnSource(4, "4")
    assert bad(rows) == [(5, "should_delete is neither true nor false")]


def test_what_is_not_malicious_is_not_listed() -> None:
    """An indicator of which all say so is withdrawn and counted; a disputed one is listed, with a tag; a single
    descriptor is one opinion, and only counted."""
    good, disputed = (
        descriptor("NON_MALICIOUS", "77"),
        update(2, PDQ, "HASH_PDQ", descriptor(), descriptor("NON_MALICIOUS")),
    )
    rows = read("threatexchange-json", [update(1, MD5, "HASH_MD5", good, good), disputed])
    assert left_out(rows) == ["indicator of status NON_MALICIOUS"]
    assert [(row.value, row.withdrawn) for row in rows if isinstance(row, HashRow)] == [(MD5, True), (PDQ, False)]
    assert isinstance(rows[-1], HashRow)
    assert rows[-1].tags == ("disputed", "media", "owner:616")
    single = read("threatexchange-json", [descriptor("NON_MALICIOUS", raw_indicator=MD5, type="HASH_MD5")])
    assert left_out(single) == ["indicator of status NON_MALICIOUS"]
    assert len(single) == 1


def test_descriptors_are_read() -> None:
    """With the indicator as text or as an object, tags as a list or none, and a description as the reason."""
    found = read(
        "threatexchange-json",
        page(
            descriptor(raw_indicator=MD5, type="HASH_MD5", tags=["a"], description="seen"),
            descriptor(indicator={"id": "9", "indicator": PDQ, "type": "HASH_PDQ"}, tags=None, owner=None),
        ),
    )
    assert found == [
        HashRow(1, MD5, "md5", reason="seen", source_id="305", tags=("a", "owner:616")),
        HashRow(2, PDQ, "pdq", source_id="305"),
    ]


def test_other_indicators_are_counted() -> None:
    """Hashes of videos and text, and what is no hash."""
    kinds = ("HASH_TMK", "HASH_VIDEO_MD5", "HASH_PDQ_OCR", "URI", "")
    rows = read("threatexchange-json", [update(n, "x", kind, descriptor()) for n, kind in enumerate(kinds)])
    assert left_out(rows) == [*kinds[:-1], "unknown kind"]
    assert bad(read("threatexchange-json", [{"type": "HASH_MD5", "descriptors": [descriptor()]}, {"x": 1}])) == [
        (1, "there is no indicator; its keys are type, descriptors"),
        (2, "there is no indicator; its keys are x"),
    ]
    assert not looks_like(b'{"data": [{"indicator": 1}]}')
