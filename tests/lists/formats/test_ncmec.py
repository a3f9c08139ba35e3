"""NCMEC's XML: what is read of images, videos and tombstones; encodings; what is refused, and where."""

import io
import tracemalloc

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.lists.formats.reading import bad, hashes, left_out, read

from edgeward.errors import UserError
from edgeward.lists.formats import HashRow, LeftOut, ReadOptions, WithdrawnSource
from edgeward.lists.formats.ncmec import MAX_DEPTH, MAX_FINGERPRINTS, MAX_TEXT, looks_like, rows

MD5, SHA1, PDQ, PHOTODNA = "0a" * 16, "0b" * 20, "0c" * 32, "0d" * 144
HEAD = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
FEEDBACK = """<feedback lastUpdateTimestamp="2023-06-01T12:48:14Z">
    <affirmativeFeedback type="Md5" lastUpdateTimestamp="2023-06-01T12:48:14Z">
      <members timestamp="2023-06-01T12:48:14Z"><member id="99">Another Member</member><id>not this</id></members>
    </affirmativeFeedback>
    <negativeFeedback type="Sha1"><reasons>
      <reason guid="01234567-abcd-0123-4567-012345678900" name="A reason" type="Sha1"/>
      <members><member id="98">A third</member></members>
    </reasons></negativeFeedback>
  </feedback>"""


def document(images: str = "", videos: str = "", namespace: str = ' xmlns="https://hashsharing.ncmec.org/v2"') -> str:
    return f"""{HEAD}<queryResult{namespace}>
<images count="1" maxTimestamp="2024-10-24T15:10:00Z">{images}</images>
<videos count="1" maxTimestamp="2024-10-24T15:20:00Z">{videos}</videos>
<paging><next>/v2/entries?from=2017-10-20T00%3A00%3A00.000Z&amp;start=2001&amp;size=1000&amp;max=3000</next></paging>
</queryResult>
"""


def entry(kind: str, number: int, fingerprints: str, member: int = 42) -> str:
    return f"""<{kind}><member id="{member}">Example Member</member><timestamp>2024-10-24T15:00:00Z</timestamp>
  <id>entry{number}</id><classification>A1</classification><fingerprints>{fingerprints}</fingerprints>
  {FEEDBACK}</{kind}>"""


def tombstone(kind: str, number: int, member: int = 42) -> str:
    return f"""<{kind}><member id="{member}">Example Member</member><id>entry{number}</id>
  <timestamp>2024-10-24T15:00:00Z</timestamp></{kind}>"""


IMAGE = entry("image", 1, f"<md5>{MD5}</md5>\n<sha1> {SHA1}\n</sha1><pdq>{PDQ}</pdq><pdna>{PHOTODNA}</pdna>")


def refused(body: str | bytes) -> str:
    with pytest.raises(UserError) as error:
        read("ncmec", body)
    return str(error.value)


def test_all_hashes_of_images_are_read() -> None:
    """With the id of member and entry, the classification and the name of the member; not those in the feedback."""
    found = read("ncmec", document(IMAGE))
    more = {"source_id": "42-entry1", "tags": ("A1", "Example Member")}
    types = (("md5", MD5), ("sha1", SHA1), ("pdq", PDQ), ("photodna", PHOTODNA))
    assert found == [HashRow(1, value, signal_type, **more) for signal_type, value in types]  # type: ignore[arg-type]


def test_a_delta_withdraws_by_id() -> None:
    """A deleted image names no hash; images and tombstones of several members come in any order."""
    found = read("ncmec", document(tombstone("deletedImage", 7, 43) + IMAGE + tombstone("deletedImage", 7)))
    assert [found[0], found[-1]] == [WithdrawnSource(1, "43-entry7"), WithdrawnSource(3, "42-entry7")]
    assert len(hashes(found)) == 4
    assert bad(read("ncmec", document("<deletedImage><member id='1'/></deletedImage>"))) == [(1, "there is no id")]


def test_what_is_no_image_hash_is_counted() -> None:
    """Hashes of videos, other kinds of hashes and those kept elsewhere; nothing is lost without a word."""
    videos = entry("video", 2, f"<md5>{MD5}</md5><sha1>{SHA1}</sha1><tmk-pdqf rel='self' href='/v2/1/TMK'/>")
    images = entry("image", 3, f"<netclean>{MD5}</netclean><md5/><videntifier rel='self' href='/x'/>")
    found = read("ncmec", document(images + entry("image", 4, ""), videos + tombstone("deletedVideo", 5)))
    assert left_out(found) == [
        *("netclean of an image", "empty md5", "videntifier of an image", "image without fingerprints"),
        *("md5 of a video", "sha1 of a video", "tmk-pdqf of a video", "deleted video"),
    ]
    assert all(isinstance(row, LeftOut) for row in found)


@pytest.mark.parametrize("count", [0, 1, 3, 400])
def test_every_hash_is_a_row_or_is_counted(count: int) -> None:
    """Whatever the number of images and videos."""
    images = "".join(entry("image", n, f"<md5>{n:032x}</md5><sha1>{n:040x}</sha1>") for n in range(count))
    videos = "".join(entry("video", n, f"<md5>{n:032x}</md5>") for n in range(count))
    found = read("ncmec", document(images, videos))
    expected = [pair for n in range(count) for pair in (("md5", f"{n:032x}"), ("sha1", f"{n:040x}"))]
    assert hashes(found) == expected
    assert left_out(found) == ["md5 of a video"] * count


def test_namespaces_prefixes_and_unknown_elements_are_passed_over() -> None:
    """With a namespace or none, by prefix, with CDATA, comments and elements that came later."""
    plain = hashes(read("ncmec", document(IMAGE)))
    assert hashes(read("ncmec", document(IMAGE, namespace=""))) == plain
    prefixed = (
        document(IMAGE).replace("<", "<h:").replace("<h:/", "</h:").replace("<h:?", "<?").replace("xmlns", "xmlns:h")
    )
    assert hashes(read("ncmec", prefixed)) == plain
    for more in ("<!-- <md5>x</md5> -->", "<?x y?>", "<later><md5>1</md5><id>2</id></later>", "<timestamp/>"):
        assert (
            hashes(read("ncmec", document(IMAGE.replace("<fingerprints>", f"{more}<fingerprints>{more[:0]}")))) == plain
        )
    assert hashes(read("ncmec", document(IMAGE.replace(MD5, f"<![CDATA[{MD5[:9]}]]>{MD5[9:]}")))) == plain


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "iso-8859-1", "windows-1252"])
def test_encodings(encoding: str) -> None:
    """By byte order mark and by the XML declaration."""
    declared = "UTF-8" if encoding == "utf-8-sig" else encoding
    body = document(IMAGE.replace("Example", "Exámple")).replace("UTF-8", declared).encode(encoding)
    found = read("ncmec", body)
    assert isinstance(found[0], HashRow)
    assert found[0].tags == ("A1", "Exámple Member")
    assert len(hashes(found)) == 4
    assert read("ncmec", body.decode(encoding).encode()) == found or encoding not in ("utf-16", "utf-8-sig")


def test_what_can_not_be_read_is_said_with_its_place() -> None:
    """Two documents in one file, a wrong tag, an undeclared entity, an unknown encoding, other XML; no whole line."""
    whole = document(IMAGE)
    assert "at line 19, byte 1,5" in refused(whole + whole)
    assert "mismatched tag" in refused(document("<image><id>1</image>"))
    assert "undefined entity" in refused(document(IMAGE.replace("A1", "&bomb;")))
    assert "not at start of entity" in refused("\n" + whole)
    for encoding in ("no-such", "rot13", "utf-7", "shift_jis", "hex"):
        assert "encoding" in refused(whole.replace("UTF-8", encoding)), encoding
    assert "<status>, where NCMEC's lists are a <queryResult>" in refused(f"{HEAD}<status/>")
    assert refused(b"") == "the file is empty"
    assert "line 1, byte 0" in refused(b"\x89PNG\r\n")
    assert "at line" in refused(document(IMAGE).encode().replace(b"Example", b"\xff"))


def test_a_document_that_breaks_off_gives_an_error() -> None:
    """At any byte before its end."""
    body = document(IMAGE, entry("video", 2, "<md5>1</md5>")).strip().encode()
    for end in range(1, len(body), 7):
        assert "the XML breaks off at line " in refused(body[:end])


@pytest.mark.parametrize(
    "declaration",
    [
        "<!DOCTYPE queryResult>",
        '<!DOCTYPE queryResult SYSTEM "file:///etc/passwd">',
        '<!DOCTYPE q [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;"><!ENTITY c "&b;&b;&b;">]>',
        '<!DOCTYPE q [<!ENTITY a SYSTEM "http://127.0.0.1:1/x">]>',
        '<!DOCTYPE q [<!ENTITY % p SYSTEM "file:///etc/passwd"> %p;]>',
    ],
)
def test_document_types_are_refused(declaration: str) -> None:
    """So there are no entities, neither bombs nor references to files and hosts."""
    assert "document type declaration" in refused(document(IMAGE).replace("?>\n", f"?>\n{declaration}"))


def test_depth_sizes_and_numbers_are_bounded() -> None:
    """Depth bombs, fingerprints without end, one tag or comment of megabytes; a long text is a bad row."""
    assert f"nested more than {MAX_DEPTH} deep" in refused(document("<image>" + "<a>" * 100_000))
    many = f"<md5>{MD5}</md5>" * (MAX_FINGERPRINTS + 1)
    assert f"more than {MAX_FINGERPRINTS:,} fingerprints" in refused(document(entry("image", 1, many)))
    for start in ("<!--", "<image a='", "<", "<?pi "):
        assert "longer than 4 MiB" in refused("<queryResult>" + start + "x" * 6_000_000), start
    found = read(
        "ncmec", document(entry("image", 1, f"<md5>{'a' * 3_000_000}</md5><netclean>{'b' * 100_000}</netclean>"))
    )
    assert bad(found) == [(1, f"a md5 of more than {MAX_TEXT:,} characters")]
    assert left_out(found) == ["netclean of an image"]


def test_memory_does_not_grow_with_the_file() -> None:
    """Neither with images, nor with what is passed over."""

    class Repeated(io.RawIOBase):
        def __init__(self, piece: bytes, times: int) -> None:
            self.pieces = iter([document()[:250].split("<images")[0].encode(), *[piece] * times])

        def read(self, size: int = -1, /) -> bytes:
            return next(self.pieces, b"")

    for piece in (IMAGE.encode() * 50, b"<other>text</other>" * 2000, (b"<!-- " + b"x" * 2000 + b" -->") * 100):
        tracemalloc.start()
        with pytest.raises(UserError, match="breaks off"):
            for _ in rows(Repeated(piece, 25), ReadOptions()):  # type: ignore[arg-type]
                pass
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 1_000_000


def test_a_long_text_is_not_kept() -> None:
    """Neither where a hash is expected, nor elsewhere."""
    body = document(entry("image", 1, f"<md5>{'a' * 5_000_000}</md5>")).encode()
    tracemalloc.start()
    assert len(list(rows(io.BytesIO(body), ReadOptions()))) == 1
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1_000_000


def test_it_is_recognized() -> None:
    """By its root, not by any XML."""
    assert looks_like(document(IMAGE).encode())
    assert looks_like(b"  <queryResult><images/>")
    for other in (b"<svg><!-- --></svg>", b"queryResult", b"", b'{"queryResult": 1}'):
        assert not looks_like(other)


@settings(max_examples=60, deadline=None)
@given(cut=st.integers(0, 1500), inserted=st.binary(max_size=4), removed=st.integers(0, 30))
def test_damage_ends_in_rows_or_a_user_error(cut: int, inserted: bytes, removed: int) -> None:
    """Bytes inserted and removed anywhere."""
    body = document(IMAGE, entry("video", 2, f"<md5>{MD5}</md5>")).encode()
    try:
        read("ncmec", body[:cut] + inserted + body[cut + removed :])
    except UserError as error:
        assert len(str(error)) < 300
