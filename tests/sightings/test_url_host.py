"""Hosts as browsers send them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeward.caches.urls import is_host
from edgeward.sightings.url_host import HostError, browser_host


@pytest.mark.parametrize(
    ("written", "sent"),
    [
        ("Photos.EXAMPLE", "photos.example"),
        ("photos.example.", "photos.example."),
        ("münchen.example", "xn--mnchen-3ya.example"),
        ("MÜNCHEN.example", "xn--mnchen-3ya.example"),
        ("mu\u0308nchen.example", "xn--mnchen-3ya.example"),
        ("faß.de", "xn--fa-hia.de"),
        ("☃.net", "xn--n3h.net"),
        ("i❤.ws", "xn--i-7iq.ws"),
        ("日本語。jp", "xn--wgv71a119e.jp"),
        ("ｅｘａｍｐｌｅ.com", "example.com"),
        ("ex%61mple.com", "example.com"),
        ("m%C3%BCnchen.example", "xn--mnchen-3ya.example"),
        ("xn--mnchen-3ya.example", "xn--mnchen-3ya.example"),
        ("a_b.example", "a_b.example"),
        ("192.0.2.1", "192.0.2.1"),
        ("127.1", "127.0.0.1"),
        ("0x7f.0.0.1", "127.0.0.1"),
        ("2130706433", "127.0.0.1"),
        ("017700000001", "127.0.0.1"),
        ("192.0.2.1.", "192.0.2.1"),
        ("1.2.3.0x", "1.2.3.0"),
        ("[::1]", "[::1]"),
        ("[2001:DB8:0:0::0:1]", "[2001:db8::1]"),
        ("[::ffff:192.0.2.1]", "[::ffff:c000:201]"),
    ],
)
def test_what_browsers_send(written: str, sent: str) -> None:
    """Names become ASCII in lower case, numbers become addresses. (Compared with the URL class of Node.js 20.)"""
    assert browser_host(written) == sent
    assert browser_host(sent) == sent


@pytest.mark.parametrize(
    "written",
    ["", "a b", "a..b", ".a", "a/b", "a,b", "a%2Fb", "256.0.0.1", "1.2.3.4.5", "08", "0x100000000",
     "[::1", "[:::]", "[fe80::1%25eth0]", "::1", "a\x00", "a\u2028b", "%ff"],
)  # fmt: skip
def test_no_host(written: str) -> None:
    """What no request can name is an error."""
    with pytest.raises(HostError):
        browser_host(written)


@given(st.text(max_size=30))
def test_any_text(text: str) -> None:
    """Whatever is written, the result is a host that every purge can name, or an error."""
    try:
        assert is_host(browser_host(text))
    except HostError:
        return
