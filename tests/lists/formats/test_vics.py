"""Project VIC's JSON: hash sets and case files, categories, files that are cut, and files of any size."""

import io
import json
import tracemalloc
from typing import Any

import pytest
from tests.lists.formats.reading import bad, hashes, left_out, read, text

from edgeward.errors import UserError
from edgeward.lists.formats import HashRow, ReadOptions
from edgeward.lists.formats.vics import looks_like, rows

CONTEXT = "http://github.com/VICSDATAMODEL/ProjectVic/DataModels/2.0.xml/US/$metadata#"
PHOTODNA = "A" * 192


def medium(number: int, category: Any = 1, **more: Any) -> dict[str, Any]:
    return {
        "MediaID": number,
        "Category": category,
        "MD5": f"{number:032X}",
        "SHA1": f"{number:040X}",
        "MediaSize": "2835",
        "DateUpdated": "2023-06-07T02:31:49.8300Z",
        "VictimIdentified": "false",
        "IsPrecategorized": "true",
        "Exifs": [{"MD5": f"{number:032X}", "PropertyName": "Make", "PropertyValue": "x"}],
        "MediaFiles": [{"MD5": "ff" * 16, "FileName": "a", "FilePath": "b"}],
        **more,
    }


def hash_set(*media: Any) -> dict[str, Any]:
    return {"@odata.context": f"{CONTEXT}Media", "value": list(media)}


def case_file(*media: Any) -> dict[str, Any]:
    case = {"CaseID": "{0}", "CaseNumber": "1", "Media": list(media), "SourceApplicationName": "x"}
    return {"@odata.context": f"{CONTEXT}Cases", "value": [case]}


def test_hash_sets_and_case_files() -> None:
    """MD5, SHA-1 and PhotoDNA with the id of the medium, its category, series and tags; keys in any case."""
    media = [medium(1, PhotoDNA=PHOTODNA, Series="S", Tags="a, b"), medium(2, "1", Tags=["c"]), medium(3, 2)]
    swapped = [{key.swapcase(): value for key, value in each.items()} for each in media]
    for document in (hash_set(*media), case_file(*media), hash_set(*swapped), media):
        found = read("vics", document, "1")
        tags = ("category 1", "S", "a", "b")
        assert found[:3] == [
            HashRow(1, f"{1:032X}", "md5", source_id="1", tags=tags),
            HashRow(1, f"{1:040X}", "sha1", source_id="1", tags=tags),
            HashRow(1, PHOTODNA, "photodna", source_id="1", tags=tags),
        ]
        assert hashes(found)[3:] == [("md5", f"{2:032X}"), ("sha1", f"{2:040X}")]
        assert left_out(found) == ["medium of category 2"]
        assert looks_like(text(document).encode()) or document is media or "@ODATA" in text(document)
    assert read("vics", "\ufeff" + text(hash_set(*media)), "1") == read("vics", hash_set(*media), "1")


def test_older_versions_and_other_hashes() -> None:
    """VICS 1.x; hashes under AlternativeHashes, of which unknown ones are counted."""
    more = [{"HashName": "SHA-256", "HashValue": "0c" * 32}, {"HashName": "Odd", "HashValue": "1"}, {"HashName": "MD5"}]
    more.append({"HashName": "pHash", "HashValue": "0f" * 8})
    old = {"odata.metadata": "http://github.com/ICMEC/ProjectVic/DataModels/1.3.xml#Media", "value": [medium(1)]}
    assert hashes(read("vics", old, "1")) == [("md5", f"{1:032X}"), ("sha1", f"{1:040X}")]
    found = read("vics", hash_set(medium(1, SHA1="", AlternativeHashes=more)), "1")
    assert hashes(found) == [("md5", f"{1:032X}"), ("sha256", "0c" * 32)]
    assert left_out(found) == ["Odd", "pHash"]


def test_what_is_not_listed_is_counted() -> None:
    """Other categories, 0 and none too; videos; media without a hash."""
    media = [medium(1, 0), medium(2, None), medium(3, MimeType="video/mp4"), medium(4, MD5=None, SHA1="")]
    found = read("vics", hash_set(*media, medium(5, 0, MimeType="image/jpeg")), "1,2")
    assert left_out(found) == [
        *("medium of category 0", "medium without a category", "medium of type video/mp4", "medium without a hash"),
        "medium of category 0",
    ]
    assert hashes(found) == []
    assert hashes(read("vics", hash_set(medium(6, "00")), "0")) == [("md5", f"{6:032X}"), ("sha1", f"{6:040X}")]
    assert bad(read("vics", hash_set({"Name": "x"}), "1")) == [
        (1, "there is no MD5 or SHA1 or PhotoDNA or value or Media; its keys are Name")
    ]


def test_categories_must_be_given() -> None:
    """The error says which there are, how many media each has, and the option."""
    media = [*(medium(n, 1) for n in range(30)), medium(50, "0"), medium(51, None), medium(52, 2)]
    with pytest.raises(UserError) as error:
        read("vics", hash_set(*media))
    assert "--categories 1,2. The first 33 media are of category 0 (1), 1 (30), 2 (1), none (1)" in str(error.value)
    with pytest.raises(UserError, match=r"category none$"):
        read("vics", hash_set())


@pytest.mark.parametrize("make", [hash_set, case_file])
def test_a_file_that_is_cut_gives_an_error_at_its_end(make: Any) -> None:
    """After its rows, so that nothing is imported."""
    body = text(make(*(medium(n) for n in range(300)))).encode()
    for end in (len(body) - 1, len(body) - 2, len(body) // 2, len(body) - 300):
        count = 0
        with pytest.raises(UserError, match=f"breaks off at byte {end:,}, after"):
            for _ in rows(io.BytesIO(body[:end]), ReadOptions(categories=frozenset("1"))):
                count += 1
        assert count > 200


class Generated(io.RawIOBase):
    """A document in which the text MEDIA stands for `count` media, without the whole of it anywhere."""

    def __init__(self, count: int, make: Any) -> None:
        before, after = json.dumps(make("MEDIA")).split('"MEDIA"')
        medium_text = json.dumps(medium(7, MediaFiles=[{"FileName": "x" * 2000}])).encode()
        self._pieces = iter([before.encode(), *[medium_text + b","] * (count - 1), medium_text, after.encode()])

    def read(self, size: int = -1, /) -> bytes:
        return next(self._pieces, b"")


@pytest.mark.parametrize("make", [hash_set, case_file])
def test_memory_does_not_grow_with_the_file(make: Any) -> None:
    """Whether its media are in a hash set or in one case: 5 MB here."""
    tracemalloc.start()
    count = sum(1 for _ in rows(Generated(2000, make), ReadOptions(categories=frozenset("1"))))  # type: ignore[arg-type]
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert count == 4000
    assert peak < 2_000_000
