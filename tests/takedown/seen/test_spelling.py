"""Spellings: what is one resource, and what is not."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeward.takedown.seen.spelling import bare_host, flat, spelling_of, target_of
from edgeward.types import Target

PLAIN = "http://img.test/a/b.jpg"
ASKED = "http://img.test/i.php?a=1&b=x%20y"


def covers(one: str, other: str) -> bool:
    return spelling_of(target_of(one)).covers(spelling_of(target_of(other)))


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
def test_spellings_of_a_path(other: str) -> None:
    """Every spelling of a path, with any query, is covered by the path."""
    assert covers(PLAIN, other)


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
    """Another resource is not covered."""
    assert not covers(PLAIN, other)


def test_spellings_of_a_query() -> None:
    """A query covers the same parameters in any order and encoding, and nothing less or more."""
    for query in ("b=x+y&a=1", "a=%31&b=x%20y", "&a=1&&b=x y", "%62=x%20y&a=1&"):
        assert covers(ASKED, f"https://img.test//i.php?{query}")
    for query in ("", "a=1", "a=1&b=x y&c=", "a=1&b=x%2520y", "a=1&b=X y", "a=1&a=1&b=x y", "a=1%26b=x y"):
        assert not covers(ASKED, f"http://img.test/i.php?{query}")


@given(st.binary(max_size=60), st.binary(max_size=20))
def test_any_bytes(path: bytes, host: bytes) -> None:
    """Whatever bytes a target holds, it has a spelling, and percent-encoding all of them does not change it."""
    raw = path.replace(b"?", b"").replace(b"%", b"")
    literal = Target("http", host.decode("latin-1"), "/" + raw.decode("latin-1"))
    encoded = Target("https", literal.host, "/" + "".join(f"%{byte:02x}" for byte in raw))
    assert spelling_of(literal) == spelling_of(encoded)
    assert flat(literal) == flat(encoded)


def test_text_beyond_latin_1() -> None:
    """A URL typed by a person means its UTF-8."""
    assert covers("http://img.test/é€.jpg", "http://img.test/%C3%A9%E2%82%AC.jpg")


@pytest.mark.parametrize(
    ("host", "bare"),
    [
        ("A.test:80", "a.test"), ("a.test.:", "a.test"), ("[::1]:8080", "[::1]"), ("[::1]", "[::1]"), ("", ""),
    ],
)  # fmt: skip
def test_bare_host(host: str, bare: str) -> None:
    """A host is compared without its port."""
    assert bare_host(host) == bare


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
    """A URL is taken apart byte for byte, with or without a scheme."""
    assert target_of(url) == target


def test_flat() -> None:
    """Path and query make one text, so that a prefix may end in either."""
    assert flat(target_of("a.test//x/%79?q=%31+2")) == b"/x/y?q=1+2"
    assert flat(target_of("a.test/x/")) == b"/x/"
