"""StopNCII's JSON: pages and records, statuses, cases and feedback."""

from typing import Any

from tests.lists.formats.reading import bad, hashes, left_out, read, text

from edgeward.lists.formats import HashRow
from edgeward.lists.formats.stopncii import looks_like

PDQ = [f"{n:x}2" * 32 for n in range(8)]
CASES = {"27664732-76e1-4a17-8099-455798e67022": "Received", "a2696edf-1237-4eb8-a9c1-cd8ee6c055e5": "Active"}


def record(value: str, status: str = "Active", kind: str = "ImagePDQ", **more: Any) -> dict[str, Any]:
    return {
        "lastModtimestamp": 1625167804,
        "hashValue": value,
        "hashStatus": status,
        "caseNumbers": CASES,
        "signalType": kind,
        **more,
    }


def page(*records: dict[str, Any]) -> dict[str, Any]:
    return {
        "count": len(records),
        "nextSetTimestamp": 1625175071,
        "nextPageToken": "W3siY29tcG9zaXRlVG9rZW4iOn0=",
        "hasMoreRecords": False,
        "hashRecords": list(records),
    }


def test_pages_arrays_of_pages_and_records() -> None:
    """One page, several in an array or one after another, and the records alone: the same rows."""
    one, two = record(PDQ[1], "Received"), record(PDQ[2], hashRegions=["UK"])
    expected = [("pdq", PDQ[1]), ("pdq", PDQ[2])]
    for document in (page(one, two), [page(one), page(), page(two)], [one, two]):
        assert hashes(read("stopncii", document)) == expected
    lines = f"{text(page(one))}\n{text(page(two))}\n"
    assert hashes(read("stopncii", lines)) == expected
    assert read("stopncii", page()) == []


def test_cases_and_feedback_are_kept() -> None:
    """The first case as the source's id, the others and what members say as tags; an empty array is none."""
    feedback = [
        {"source": "Example", "feedbackValue": "Blocked", "tags": ["Nude", "Nude"]},
        {"source": "Other", "feedbackValue": "Undefined"},
        "nonsense",
    ]
    records = [record(PDQ[1], CSPFeedbacks=feedback), record(PDQ[2], caseNumbers=[]), record(PDQ[2], caseNumbers=None)]
    full, empty, none = read("stopncii", records)
    first, second = CASES
    assert full == HashRow(
        1, PDQ[1], "pdq", source_id=first, tags=(second, "Example: Blocked", "Nude", "Other: Undefined")
    )
    assert empty == HashRow(2, PDQ[2], "pdq")
    assert none == HashRow(3, PDQ[2], "pdq")


def test_withdrawn_and_deleted_take_back() -> None:
    """In the order of the file, so that the last record of a hash decides."""
    rows = read(
        "stopncii", page(record(PDQ[1]), record(PDQ[1], "Withdrawn"), record(PDQ[2], "deleted"), record(PDQ[1]))
    )
    assert [(row.value, row.withdrawn) for row in rows if isinstance(row, HashRow)] == [
        *((PDQ[1], False), (PDQ[1], True), (PDQ[2], True), (PDQ[1], False))
    ]


def test_what_is_no_image_is_counted() -> None:
    """Videos, text, URLs and kinds that came later; and hashes of a status that is not known."""
    kinds = ("VideoMD5", "VideoTMK", "Text", "URL", "ImageNew", "")
    rows = read("stopncii", page(*(record("x", kind=kind) for kind in kinds), record(PDQ[1], "Paused"), record(PDQ[2])))
    assert left_out(rows) == [*kinds[:-1], "unknown kind", "hash of status Paused"]
    assert hashes(rows) == [("pdq", PDQ[2])]


def test_records_without_a_hash_are_bad() -> None:
    """With their number and what they have."""
    rows = read("stopncii", page(record(PDQ[1]), {"signalType": "ImagePDQ", "hash": "x"}))
    assert bad(rows) == [(2, "there is no hashValue or hashRecords; its keys are signaltype, hash")]


def test_it_is_recognized() -> None:
    """Pages and records, also with the array far behind."""
    for document in (page(record(PDQ[1])), [record(PDQ[1])], page(), [page(record(PDQ[1]))]):
        assert looks_like(text(document).encode())
    assert not looks_like(b'{"hashes": []}')
