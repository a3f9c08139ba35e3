"""URLs as people write them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeward.caches.raw_http import RawHttpRequest
from edgeward.sightings.url_normalization import normalized
from edgeward.sightings.url_parsing import UrlError, parse_prefix, parse_url, parse_urls
from edgeward.types import Target


def paths_of(url: str) -> list[str]:
    return [target.path for target in parse_urls(url)]


@pytest.mark.parametrize(
    ("written", "requested"),
    [
        ("http://h/a", "http://h/a"),
        ("http://h", "http://h/"),
        ("http://h?q", "http://h/?q"),
        ("http://h/é", "http://h/%C3%A9"),
        ("http://h/ü?ñ=ü", "http://h/%C3%BC?%C3%B1=%C3%BC"),
        ("http://h/健/😀.png", "http://h/%E5%81%A5/%F0%9F%98%80.png"),
        ("http://h/%c3%A9/%e9", "http://h/%c3%A9/%e9"),
        ("http://h/My Photo.jpg", "http://h/My%20Photo.jpg"),
        ("http://h/a#top", "http://h/a"),
        ("http://h/a#/b?c", "http://h/a"),
        ("http://h/a?b#c", "http://h/a?b"),
        ("http://h/a;p=1?b;c", "http://h/a;p=1?b;c"),
        ("http:\\\\h\\a\\b?c\\d", "http://h/a/b?c\\d"),
        (" \n http://h/a\tb\r\n/c ", "http://h/ab/c"),
        ("http://h/a/./b/../c", "http://h/a/c"),
        ("http://h/a/%2E/b/%2e%2E/c/..", "http://h/a/"),
        ("http://h/../../a", "http://h/a"),
        ("http://h/.", "http://h/"),
        ("http://h//a//b/", "http://h//a//b/"),
        ("http://h/a?", "http://h/a?"),
        ("http://h/a?b/../c", "http://h/a?b/../c"),
        ("http://h/\"<>`{}^|'[]?\"<>`{}^|'[]", "http://h/%22%3C%3E%60%7B%7D%5E|'[]?%22%3C%3E`{}^|%27[]"),
        ("http://h/\x01\x7f", "http://h/%01%7F"),
        ("http://h/%zz%", "http://h/%zz%"),
        ("HTTP://H.Example:80/A", "http://h.example/A"),
        ("https://h:443/", "https://h/"),
        ("https://h:80/", "https://h:80/"),
        ("http://h:0080/", "http://h/"),
        ("http://h:/", "http://h/"),
        ("http://h.:8080/", "http://h.:8080/"),
        ("http://[::1]:8080/a", "http://[::1]:8080/a"),
        ("http://MÜNCHEN.example/", "http://xn--mnchen-3ya.example/"),
        ("http://h/\udce9", "http://h/%E9"),
        ("http://h/\ud83d", "http://h/%EF%BF%BD"),
    ],
)
def test_a_url_is_what_a_browser_requests(written: str, requested: str) -> None:
    """As in the WHATWG URL Standard. (Compared with the URL class of Node.js 20.)"""
    assert parse_url(written).url == requested
    assert parse_url(requested).url == requested


@pytest.mark.parametrize(
    ("written", "why"),
    [
        ("", "begin with http://"),
        ("h/a", "begin with http://"),
        ("//h/a", "begin with http://"),
        ("ftp://h/a b", "begin with http://"),
        ("http:/h/a", "begin with http://"),
        ("http://", "a host"),
        ("http:///a", "a host"),
        ("http://:80/", "a host"),
        ("http://u@h/", "a user name"),
        ("http://u:p@h/", "a user name"),
        ("http://h:0/", "an impossible port"),
        ("http://h:65536/", "an impossible port"),
        ("http://h:99999999999999999999/", "an impossible port"),
        ("http://h:x/", "a host"),
        ("http://h:80:80/", "a host"),
        ("http://a b/", "not a host name"),
        ("http://a..b/", "not a host name"),
        ("http://[::1/", "a host"),
    ],
)
def test_the_error_says_what_is_wrong(written: str, why: str) -> None:
    """The scheme, a user name, the host, the port: each has its own sentence."""
    for parse in (parse_url, parse_urls, parse_prefix):
        with pytest.raises(UrlError, match=why):
            parse(written)


@given(st.text(max_size=40))
def test_any_text_is_a_target_that_requests_can_carry(text: str) -> None:
    """Whatever follows the host: all its targets can be requested, and the browser's is the same for its own URL."""
    for target in parse_urls(f"http://h/{text}"):
        assert RawHttpRequest("PURGE", target.host, target.path).encode().isascii()
    browser = parse_url(f"http://h/{text}")
    assert parse_url(browser.url) == browser


@given(st.text(st.characters(exclude_characters="#?\\\t\n\r", exclude_categories=("Cs",)), max_size=20))
def test_text_is_what_its_bytes_are(text: str) -> None:
    """A URL as text, its raw bytes in UTF-8, and its percent-encoded bytes are equivalent."""
    raw = f"/x{text}y".encode()
    stored = (Target("http", "h", raw.decode("latin-1")), Target("http", "h", "".join(f"%{byte:02x}" for byte in raw)))
    wanted = normalized(parse_url(f"http://h/x{text}y"))
    assert all(wanted.includes(normalized(target)) for target in stored if "%" not in text)


def test_other_meanings() -> None:
    """Dot segments may have been sent as they are; and what shows the bytes of UTF-8 may mean that text."""
    assert paths_of("http://h/a/./b") == ["/a/b", "/a/./b"]
    assert paths_of("http://h/a^b") == ["/a%5Eb", "/a^b"]
    assert paths_of("http://h/\xc3\xa9") == ["/%C3%83%C2%A9", "/%C3%A9"]
    assert paths_of("http://h/é?健") == ["/%C3%A9?%E5%81%A5"]
    assert paths_of("http://h/a#b") == ["/a"]


@pytest.mark.parametrize(
    ("written", "begins"),
    [
        ("http://H", "http://h/"),
        ("http://h/a", "http://h/a"),
        ("http://h/gallery/", "http://h/gallery/"),
        ("http://h/größe/", "http://h/gr%C3%B6%C3%9Fe/"),
        ("http://h/a?b=..", "http://h/a?b=.."),
        ("http://h/a...b/.x/", "http://h/a...b/.x/"),
    ],
)
def test_a_prefix(written: str, begins: str) -> None:
    """The host and the beginning of the path, encoded as in a URL."""
    assert parse_prefix(written).url == begins


@pytest.mark.parametrize(
    "written",
    [
        "http://h/..",
        "http://h/../",
        "http://h/a/..",
        "http://h/a/../b",
        "http://h/./",
        "http://h/%2e%2E/",
        "http://h/a/..%2f",
        "http://h/a%2f..%2F",
        "http://h/a\\..\\",
        "http://h/a/%5C..%5c",
        "http://h//",
        "http://h/%2F",
        "http://h/\\",
        "http://h/#gallery",
        "http://h/a/#b",
        "http://h/;x",
        "http://h/%3Bx/",
    ],
)
def test_a_prefix_that_would_widen(written: str) -> None:
    """What would take more than is written, such as the whole host, is refused, and the error says what to write."""
    with pytest.raises(UrlError, match=r"give|leave out"):
        parse_prefix(written)
