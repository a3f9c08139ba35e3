"""URLs as targets."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeward.errors import InvalidValue
from edgeward.operations.urls import parse_url
from edgeward.types import Target


@pytest.mark.parametrize(
    ("url", "target"),
    [
        ("http://h/a", Target("http", "h", "/a")),
        ("https://h:8443", Target("https", "h:8443", "/")),
        ("http://H.example/A%2f//b/../c?q=%C3%A9&&x", Target("http", "H.example", "/A%2f//b/../c?q=%C3%A9&&x")),
        ("http://h/\xe9?a?b", Target("http", "h", "/\xe9?a?b")),
        ("http://[::1]:80/a", Target("http", "[::1]:80", "/a")),
    ],
)
def test_a_target_is_byte_exact(url: str, target: Target) -> None:
    """Nothing of a URL is normalized: caches store copies under its exact bytes."""
    assert parse_url(url) == target


@pytest.mark.parametrize(
    "url",
    [
        "", "h/a", "ftp://h/a", "http://", "http:///a", "http://h/a b", "http://h/a\n", "http://h/#x", "http://u@h/",
        "http://h:0/", "http://h:x/", "http://h/\u20ac", "HTTP://h/a", "http://h?q", "http://h\xe9/",
    ],
)  # fmt: skip
def test_a_url_that_no_request_can_carry_is_refused(url: str) -> None:
    """No cache can have stored it. The error names it."""
    with pytest.raises(InvalidValue) as caught:
        parse_url(url)
    assert repr(url) in str(caught.value)


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("h/a", "begin with http://"),
        ("ftp://h/a b", "begin with http://"),
        ("HTTP://h/a", "begin with http://"),
        ("http://h/a b", "a space"),
        ("http://h/a\n", "a control character"),
        ("http://h/#x", "a fragment"),
        ("http://u@h/", "a host"),
    ],
)
def test_the_error_says_what_is_wrong(url: str, reason: str) -> None:
    """The scheme, a space, a fragment: each has its own sentence."""
    with pytest.raises(InvalidValue, match=reason):
        parse_url(url)


@given(st.text())
def test_a_target_keeps_its_url(text: str) -> None:
    """The target's URL is the given text, or the text is refused."""
    url = f"http://h/{text}"
    try:
        assert parse_url(url).url == url
    except InvalidValue as error:
        assert error.key == "urls"
