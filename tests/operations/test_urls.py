"""URLs as targets."""

import pytest

from edgeward.errors import InvalidValue
from edgeward.operations.urls import parse_prefix, parse_url, parse_urls, parse_written_urls
from edgeward.types import Target


def test_a_url_is_the_target_that_browsers_request() -> None:
    """Text beyond ASCII is percent-encoded as UTF-8, and the host is as in a browser's request."""
    assert parse_url("HTTP://MÜNCHEN.example:80/größe.jpg#top") == Target(
        "http", "xn--mnchen-3ya.example", "/gr%C3%B6%C3%9Fe.jpg"
    )


def test_urls_are_all_targets_that_are_meant() -> None:
    """Each target once: as browsers request it, and as it is written."""
    assert parse_urls(["http://h/x/../a", "http://h/a"]) == (Target("http", "h", "/a"), Target("http", "h", "/x/../a"))


def test_each_written_url_has_its_targets() -> None:
    """The one that browsers request comes first; what stands for the same is there once."""
    browser, written = Target("http", "h", "/a"), Target("http", "h", "/x/../a")
    urls = ["http://h/x/../a", "http://h/a", "http://h/x/../a#top"]
    assert parse_written_urls(urls) == ((browser, written), (browser,))


def test_a_prefix_is_what_it_seems() -> None:
    """It begins with the host, and ends where it is written to end."""
    assert parse_prefix("https://H/é/") == Target("https", "h", "/%C3%A9/")


@pytest.mark.parametrize(("parse", "key"), [(parse_url, "urls"), (parse_prefix, "prefixes")])
@pytest.mark.parametrize("url", ["", "h/a", "ftp://h/a", "http://u@h/", "http://h:0/"])
def test_the_error_names_the_url_and_the_key(parse: type, key: str, url: str) -> None:
    """It names the URL, and the key that it was given for."""
    with pytest.raises(InvalidValue) as caught:
        parse(url)
    assert repr(url) in str(caught.value)
    assert caught.value.key == key
    with pytest.raises(InvalidValue) as caught:
        parse_urls([url], "url")
    assert caught.value.key == "url"
