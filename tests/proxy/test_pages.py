"""What clients get instead of a response."""

import json

import pytest
from mitmproxy.http import Headers, Request

from edgeward.proxy import pages
from edgeward.types import Action, Flaw, Reason

PASSES = {Reason.TIMEOUT, Reason.CRASHED, Reason.OVERLOADED, Reason.NOT_READY, Reason.STORE_STALE, Reason.ERROR}
"""Reasons that may be gone a moment later."""


def request(method: str = "GET", accept: str = "*/*") -> Request:
    return Request.make(method, "http://img.test/a.jpg", headers=Headers(accept=accept))


@pytest.mark.parametrize("action", list(Action))
def test_no_page_may_be_stored(action: Action) -> None:
    """A refusal stored by a cache or browser would outlive the block."""
    page = pages.block_page(request(), action, None)
    assert page.headers["cache-control"] == "no-store"
    assert page.status_code == (200 if action is Action.PLACEHOLDER else int(action))


def test_451_names_who_blocks() -> None:
    """RFC 7725, section 4: Link with rel blocked-by; only on a 451."""
    by = "https://example.org/legal"
    assert (
        pages.block_page(request(), Action.UNAVAILABLE_FOR_LEGAL_REASONS, by).headers["link"]
        == f'<{by}>; rel="blocked-by"'
    )
    assert "link" not in pages.block_page(request(), Action.GONE, by).headers
    assert "link" not in pages.block_page(request(), Action.UNAVAILABLE_FOR_LEGAL_REASONS, None).headers


def test_json_for_who_prefers_it() -> None:
    """A client that accepts JSON gets a problem document."""
    page = pages.refusal_page(request(accept="application/json"), 451)
    assert page.headers["content-type"] == "application/problem+json"
    assert json.loads(page.content or b"")["status"] == 451


def test_head_gets_no_body() -> None:
    """Bytes after the head of a HEAD response would be read as the next response."""
    assert pages.refusal_page(request("HEAD"), 451).raw_content == b""
    assert pages.block_page(request("HEAD"), Action.PLACEHOLDER, None).raw_content == b""


def test_overload_says_when_to_come_back() -> None:
    """A 503 carries Retry-After: the time that is known, else a few seconds."""
    assert pages.refusal_page(request(), 503).headers["retry-after"] == "5"
    assert pages.unchecked_page(request(), Reason.CRASHED, 40).headers["retry-after"] == "40"


@pytest.mark.parametrize("reason", [*Reason, *(Reason(flaw.value) for flaw in Flaw)])
def test_only_what_passes_invites_a_retry(reason: Reason) -> None:
    """Retry-After goes with a 503, for reasons of the moment; what stays so is a 403. None of them is stored."""
    page = pages.unchecked_page(request(), reason)
    assert page.status_code == (503 if reason in PASSES else 403)
    assert ("retry-after" in page.headers) == (reason in PASSES)
    assert page.headers["cache-control"] == "no-store"


def test_error_pages_hide_what_happened() -> None:
    """mitmproxy's message names inner addresses, its Server header a version: neither is shown."""
    page = pages.error_bytes(502, "connect to 10.0.0.7:6081 failed")
    assert b"10.0.0.7" not in page
    assert b"server:" not in page.lower()
    assert page.startswith(b"HTTP/1.1 502 Bad Gateway\r\n")
    assert b"no-store" in page


def test_error_pages_know_every_status() -> None:
    """A status without a text of its own makes a page too."""
    assert b"<h1>504 Gateway Timeout</h1>" in pages.error_body(504)


def test_the_objects_of_doctor_are_also_those_under_its_queries() -> None:
    """With them it is seen whether a cache drops or sorts queries. No other path or query is taken for one."""
    path = "/.well-known/edgeward/doctor/" + "a" * 32
    for query, is_one in (
        ("", True),
        ("?edgeward-doctor=f1", True),
        ("?edgeward-doctor=f1&edgeward-doctor=01", True),
        ("?other=1", False),
        ("?edgeward-doctor=f1&other=1", False),
        ("?edgeward-doctor=", False),
    ):
        asked = Request.make("GET", f"http://img.test{path}{query}")
        assert pages.is_doctor_request(asked) is is_one, query
