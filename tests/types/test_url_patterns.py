"""Hosts and beginnings of paths as people write them."""

import pytest

from edgeward.types.url_patterns import host_pattern, is_below, is_one_of, path_pattern


def test_a_host_is_meant_at_every_port_in_every_case() -> None:
    """Case and the final dot are dropped; "*." stands for all below, and not for the name itself."""
    assert host_pattern(" IMG.Example.org. ") == "img.example.org"
    assert host_pattern("[2001:DB8::1]") == "[2001:db8::1]"
    patterns = (host_pattern("*.Example.org"), "a.test")
    found = {host: is_one_of(host, patterns) for host in ("x.example.org", "x.y.example.org", "a.test")}
    assert all(found.values()), found
    for host in ("example.org", "notexample.org", "example.org.evil.test", "b.a.test", ""):
        assert not is_one_of(host, patterns), host
    assert not is_one_of("a.test", ())


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("*", "every host"),
        ("a.test:8080", "port"),
        ("[::1]:80", "port"),
        ("http://a.test", "port|not a host"),
        ("a.test/x", "not a host"),
        ("a.*.test", "not a host"),
        ("", "not a host"),
        ("a..test", "not a host"),
        ("a" * 2000, "not a host"),
    ],
)
def test_what_is_no_host_is_named(text: str, why: str) -> None:
    """The message says what is wrong."""
    with pytest.raises(ValueError, match=why):
        host_pattern(text)


def test_a_path_stands_for_all_that_begin_with_it() -> None:
    """It is compared without percent-encoding, byte for byte: case counts."""
    patterns = (path_pattern("/größe/"), path_pattern("/a b"), path_pattern("/%7Efoo"))
    assert patterns[0] == "/gr%C3%B6%C3%9Fe/"
    for path in ("/größe/x.jpg".encode(), b"/a b", b"/a bc", b"/~foo/1"):
        assert is_below(path, patterns), path
    for path in (b"/gr", b"/A b", b"/x/~foo", b""):
        assert not is_below(path, patterns), path
    assert not is_below(b"/", ())


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("uploads/", "beginning of a path"),
        ("/", "every path"),
        ("/a?b", "query"),
        ("/a#b", "fragment"),
        ("/a/../b", "dot segments"),
        ("/a/%2e%2E/b", "dot segments"),
        ("/a//b", "empty segments"),
        ("/a\\b", "backslash"),
        ("/a;p", "parameters"),
        ("/a%00", "control"),
        ("/" + "a" * 2000, "beginning of a path"),
    ],
)
def test_a_path_that_is_not_what_it_seems_is_refused(text: str, why: str) -> None:
    """ "Below" would be more, or less, than what is written."""
    with pytest.raises(ValueError, match=why):
        path_pattern(text)
