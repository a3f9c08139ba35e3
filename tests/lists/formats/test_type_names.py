"""Names of types as others write them."""

import pytest

from edgeward.lists.formats.type_names import common_type_named, normalized, other_kind, signal_type_named


@pytest.mark.parametrize(
    ("name", "signal_type"),
    [
        *(("MD5", "md5"), ("SHA-1", "sha1"), ("sha_256", "sha256"), ("SHA2-256", "sha256"), ("HASH_PDQ", "pdq")),
        *(("pdna", "photodna"), ("PhotoDNA", "photodna"), ("pdq-dhash", "pdq-dhash"), ("md5 hash", "md5")),
        *(
            ("", None),
            ("hash", None),
            ("sha512", None),
            ("nonsense", None),
            ("\N{FULLWIDTH LATIN SMALL LETTER M}d5", None),
        ),
    ],
)
def test_signal_types(name: str, signal_type: str | None) -> None:
    """Case, dashes and the word "hash" do not matter."""
    assert signal_type_named(name) == signal_type


def test_types_that_all_programs_compute_alike() -> None:
    """A phash or dhash of somebody else is not ours."""
    assert [common_type_named(name) for name in ("SHA-1", "pdna", "HASH_PDQ", "pHash", "dhash", "pdq-dhash", "x")] == [
        *("sha1", "photodna", "pdq", None, None, None, None),
    ]


def test_other_kinds() -> None:
    """What lists also hold and cannot match is known by name; nonsense is not."""
    assert [other_kind(name) for name in ("SHA-512", "HASH_SSDEEP", "URL", "nonsense", "md5", "")] == [
        *("sha512", "ssdeep", "url", None, None, None),
    ]
    assert normalized(" SHA-1 (hex)") == "sha1hex"
