"""Which URLs are equivalent, and which are not."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeward.sightings.url_normalization import decoded_url, host_matches, normalized, normalized_host, target_of
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


def test_equivalent_queries() -> None:
    """A query includes the same parameters in any order and encoding, no fewer and no more."""
    for query in ("b=x+y&a=1", "a=%31&b=x%20y", "&a=1&&b=x y", "%62=x%20y&a=1&"):
        assert includes(ASKED, f"https://img.test//i.php?{query}")
    for query in ("", "a=1", "a=1&b=x y&c=", "a=1&b=x%2520y", "a=1&b=X y", "a=1&a=1&b=x y", "a=1%26b=x y"):
        assert not includes(ASKED, f"http://img.test/i.php?{query}")


@given(st.binary(max_size=60), st.binary(max_size=20))
def test_any_bytes(path: bytes, host: bytes) -> None:
    """Targets of any bytes can be normalized, and percent-encoding all bytes does not change the result."""
    raw = path.replace(b"?", b"").replace(b"%", b"")
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
        ("img.test", [], False),
    ],
)
def test_hosts_are_compared_by_name(host: str, hosts: list[str], matches: bool) -> None:
    """Port, case and a dot at the end make no difference; everything else does."""
    assert host_matches(host, hosts) is matches
