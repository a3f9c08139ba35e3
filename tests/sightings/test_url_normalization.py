"""Which URLs are equivalent, and which are not."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeward.sightings.url_normalization import (
    decoded_url,
    host_matches,
    normalized,
    normalized_host,
    readings,
    target_of,
)
from edgeward.sightings.url_parsing import parse_url
from edgeward.types import Target

PLAIN = "http://img.test/a/b.jpg"
ASKED = "http://img.test/i.php?a=1&b=x%20y"


def includes(one: str, other: str) -> bool:
    return normalized(target_of(one)).includes(normalized(target_of(other)))


@pytest.mark.parametrize(
    "other",
    [
        "https://img.test/a/b.jpg",
        "http://IMG.Test./a/b.jpg",
        "http://img.test:8080/a/b.jpg",
        "http://img.test/a/%62.jpg",
        "http://img.test/%61%2Fb%2ejpg",
        "http://img.test//a///b.jpg",
        "http://img.test/a/./b.jpg",
        "http://img.test/x/../a/c/%2e%2E/b.jpg",
        "http://img.test/../a/b.jpg",
        "http://img.test/a/b.jpg?",
        "http://img.test/a/b.jpg?w=800",
    ],
)
def test_equivalent_paths(other: str) -> None:
    """A path includes every equivalent form of it, with any query."""
    assert includes(PLAIN, other)


@pytest.mark.parametrize(
    "other",
    [
        "http://img.test/a/B.jpg",
        "http://img.test/a/b.jpg/",
        "http://img.test/a/b%252ejpg",
        "http://img.test/a",
        "http://www.img.test/a/b.jpg",
        "http://img.test/b.jpg?a/b.jpg",
    ],
)
def test_other_paths(other: str) -> None:
    """A path does not include other resources."""
    assert not includes(PLAIN, other)


STORED_FORMS = (
    "/größe.jpg".encode(),
    "/größe.jpg".encode("latin-1"),
    b"/gr%C3%B6%C3%9Fe.jpg",
    b"/gr%c3%b6%c3%9fe.jpg",
    b"/gr%F6%DFe.jpg",
    b"/%67r\xc3\xb6%C3%9Fe.jpg",
    b"/gr\xf6%C3%9Fe.jpg",
    "/größe.jpg;v=2".encode(),
    b"/gr%F6%DFe.jpg;v=2;w/",
    b"/x;a/..\\;b/gr%C3%B6%C3%9Fe.jpg",
    "/größe.jpg#top".encode(),
    "/größe.jpg?w=1#top?".encode(),
    "/größe.jpg#/../?".encode(),
    b"\\gr%C3%B6%C3%9Fe.jpg",
)


@pytest.mark.parametrize("stored", STORED_FORMS)
def test_what_caches_stored_in_other_forms(stored: bytes) -> None:
    """A URL as written includes raw bytes in UTF-8 and Latin-1, parameters of the path, backslashes and fragments."""
    written = normalized(parse_url("http://IMG.test/größe.jpg"))
    path = stored.decode("latin-1").removesuffix("/")
    assert written.includes(normalized(Target("https", "img.test:8443", path)))


@pytest.mark.parametrize("stored", [b"?\xf6=\xdf&a", b"?%F6=%DF&a", b"?a&%C3%B6=%C3%9F", "?a&ö=ß".encode()])
def test_what_caches_stored_in_other_forms_of_a_query(stored: bytes) -> None:
    """The same for its query, with and without parameters of the path."""
    written = normalized(parse_url("http://img.test/ä?ö=ß&a"))
    for path in ("/ä".encode(), b"/\xe4", b"/%E4;x", b"/%C3%A4;x"):
        assert written.includes(normalized(Target("http", "img.test", (path + stored).decode("latin-1"))))


def test_parameters_of_the_path() -> None:
    """A path without parameters includes it with any; one with parameters includes only these."""
    assert includes("http://img.test/a/b.jpg", "http://img.test/a;x/b.jpg;y=1?w=2")
    assert includes("http://img.test/a/b.jpg;y=1", "http://img.test/a/b.jpg%3By=1?w=2")
    assert not includes("http://img.test/a/b.jpg;y=1", "http://img.test/a/b.jpg;y=2")
    assert not includes("http://img.test/a/b.jpg;y=1", "http://img.test/a/b.jpg")


def test_usual_targets_have_one_form() -> None:
    """Only unusual ones cost more in the index."""
    assert normalized(target_of("http://img.test/a/%C3%A9.jpg?a=1&b=%20")).other_forms == ()
    assert normalized(target_of("http://img.test/a/b.jpg#x")).other_forms == ()


def test_equivalent_queries() -> None:
    """A query includes the same parameters in any order and encoding, no fewer and no more."""
    for query in ("b=x+y&a=1", "a=%31&b=x%20y", "&a=1&&b=x y", "%62=x%20y&a=1&"):
        assert includes(ASKED, f"https://img.test//i.php?{query}")
    for query in ("", "a=1", "a=1&b=x y&c=", "a=1&b=x%2520y", "a=1&b=X y", "a=1&a=1&b=x y", "a=1%26b=x y"):
        assert not includes(ASKED, f"http://img.test/i.php?{query}")


@given(st.binary(max_size=60), st.binary(max_size=20))
def test_any_bytes(path: bytes, host: bytes) -> None:
    """Targets of any bytes can be normalized, and percent-encoding all bytes does not change the result."""
    raw = path.translate(None, b"?%#")
    literal = Target("http", host.decode("latin-1"), "/" + raw.decode("latin-1"))
    encoded = Target("https", literal.host, "/" + "".join(f"%{byte:02x}" for byte in raw))
    assert normalized(literal) == normalized(encoded)
    assert decoded_url(literal) == decoded_url(encoded)


def test_text_beyond_latin_1() -> None:
    """A URL that a person typed stands for its UTF-8 bytes."""
    assert includes("http://img.test/é€.jpg", "http://img.test/%C3%A9%E2%82%AC.jpg")


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("A.test:80", "a.test"), ("a.test.:", "a.test"), ("[::1]:8080", "[::1]"), ("[::1]", "[::1]"), ("", ""),
    ],
)  # fmt: skip
def test_normalized_host(host: str, expected: str) -> None:
    """A host is compared in lower case, without its port and trailing dot."""
    assert normalized_host(host) == expected


@pytest.mark.parametrize(
    ("url", "target"),
    [
        ("https://a.test/x?y#z", Target("https", "a.test", "/x?y#z")),
        ("a.test/to/http://b.test/", Target("http", "a.test", "/to/http://b.test/")),
        ("a.test", Target("http", "a.test", "/")),
        ("http://a.test:8080?x", Target("http", "a.test:8080", "/?x")),
    ],
)
def test_target_of(url: str, target: Target) -> None:
    """A URL is split byte for byte, with or without a scheme."""
    assert target_of(url) == target


def test_decoded_url() -> None:
    """Path and query are one text, so that a prefix may end in either."""
    assert decoded_url(target_of("a.test//x/%79?q=%31+2")) == b"/x/y?q=1+2"
    assert decoded_url(target_of("a.test/x/")) == b"/x/"
    for path in ("/gr\xf6\xdfe;v/x#y", "/gr%F6%DFe/x", "\\gr%C3%B6%C3%9Fe\\x", "/gr\xc3\xb6\xc3\x9fe/x"):
        assert decoded_url(Target("http", "a.test", path)) == "/größe/x".encode()


@pytest.mark.parametrize(
    ("host", "hosts", "matches"),
    [
        ("img.test", ["img.test"], True),
        ("IMG.Test.:8080", ["img.test"], True),
        ("img.test", ["IMG.TEST:443"], True),
        ("[::1]:80", ["[::1]"], True),
        ("img.test.evil", ["img.test"], False),
        ("evil-img.test", ["img.test"], False),
        ("anything", ["*"], True),
        ("xn--mnchen-3ya.example", ["MÜNCHEN.example"], True),
        ("xn--mnchen-3ya.example", ["münster.example"], False),
        ("a", ["ü ü"], False),
        ("img.test", [], False),
    ],
)
def test_hosts_are_compared_by_name(host: str, hosts: list[str], matches: bool) -> None:
    """Port, case and a dot at the end make no difference; everything else does."""
    assert host_matches(host, hosts) is matches


def test_readings_of_a_path() -> None:
    """First that which all spellings share, whatever else servers may read in it."""
    for path in (
        "/x/a.jpg",
        "//x/a.jpg?q",
        "/y/../x/a.jpg",
        "/y/%2e%2E/x/a.jpg",
        "/%78/a.jpg#f",
        "/x;p/a.jpg",
        "/x%2Fa.jpg",
    ):
        assert readings(Target("http", "a.test", path))[0] == b"/x/a.jpg", path
    assert readings(Target("http", "a.test", "/x/a.jpg")) == (b"/x/a.jpg",)
    assert set(readings(Target("http", "a.test", "/x/..%2fy;p/%2561"))) >= {
        *(b"/y/%61", b"/y;p/%61", b"/x/../y;p/%61", b"/y/a", b"/x/..%2fy;p/%61".replace(b"%2f", b"%2F")),
    }
