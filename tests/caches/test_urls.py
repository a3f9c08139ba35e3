"""Targets as text for an API."""

import pytest

from edgeward.caches.urls import Unsendable, both_schemes, directory, encoded, host_of, is_host, url_of
from edgeward.types import Target


@pytest.mark.parametrize(
    ("path", "written"),
    [
        ("/a~b?x=%2f&y=\"{}'", "/a~b?x=%2f&y=\"{}'"),
        ("/\xe9\xff", "/%E9%FF"),
        ("/a b#c\r\n\x00", "/a%20b%23c%0D%0A%00"),
        ("//p/../?", "//p/../?"),
    ],
)
def test_only_unsafe_characters_are_encoded(path: str, written: str) -> None:
    """Each unsafe byte becomes one %XX; other ASCII characters stay."""
    assert url_of(Target("http", "img.test:8080", path)) == f"img.test:8080{written}"


@pytest.mark.parametrize("host", ["", "a/b", "a b", "a@b", "a\r\nb", "h\xe9", "[::1", "a?b", "a#b"])
def test_a_host_that_would_become_a_path_is_unsendable(host: str) -> None:
    """Only host names get into a URL."""
    with pytest.raises(Unsendable):
        host_of(Target("http", host, "/"))


def test_hosts_as_they_are_requested() -> None:
    """Names, names with a port, and addresses are hosts."""
    for host in ("Img.TEST", "a_b.test:443", "192.0.2.1", "[2001:db8::1]:8443"):
        assert host_of(Target("http", host, "/")) == host


@pytest.mark.parametrize(
    "host", ["a.", "a-.b", "-a", "xn--mnchen-3ya", "a" * 253, "h:1", "h:65535", "[::ffff:1.2.3.4]"]
)
def test_hosts(host: str) -> None:
    """A name with at most one dot at its end, or an address, with a port or without."""
    assert is_host(host)


@pytest.mark.parametrize(
    "host",
    ["", ".", "a..", "a..b", ".a", "a,b", "a%41", "a~", "h:", "h:0", "h:65536", "h:80:80", "h: 80", "a" * 254, "[::1]x",
     "[]", "[1]", "[fe80::1%eth0]", "::1", "h\n", "\xe9"],
)  # fmt: skip
def test_no_hosts(host: str) -> None:
    """What some cache would refuse to purge is no host, and neither is what no client can resolve."""
    assert not is_host(host)


def test_characters_that_are_not_bytes_are_unsendable() -> None:
    """A path cannot have characters that are not one byte each."""
    with pytest.raises(Unsendable):
        encoded("/\u20ac")


def test_both_schemes_whatever_was_seen() -> None:
    """The URL with http and with https."""
    assert both_schemes(Target("https", "h", "/p")) == ["http://h/p", "https://h/p"]


@pytest.mark.parametrize(("path", "up_to"), [("/a/b.jpg?x=/y", "/a/"), ("/a/", "/a/"), ("/a", "/"), ("/", "/")])
def test_the_directory_of_a_path(path: str, up_to: str) -> None:
    """Up to the last slash before the query."""
    assert directory(path) == up_to
