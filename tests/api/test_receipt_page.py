"""The page of a receipt."""

import base64
import hashlib
import html
import re
from html.parser import HTMLParser
from typing import Any

import pytest

from edgeward.api.receipt_page import POLICY, render

AT = 1767225600.5
URL = "http://photos.example/a.jpg"


def outcome(**changed: Any) -> dict[str, Any]:
    known = {"delivery": "verified", "at": AT + 1, "attempts": 1, "status": 200, "detail": "", "linger_seconds": 0.012}
    return {**known, **changed}


def purge(**changed: Any) -> dict[str, Any]:
    known = {"id": "1767225600500-0", "url": URL, "vary": {}, "scope": "target", "tag": "", "outcomes": {}, "owed": []}
    return {**known, **changed}


def node(**changed: Any) -> dict[str, Any]:
    counts = {"verified": 0, "delivered": 0, "refused": 0, "owed": 0}
    return {**counts, "first_at": None, "last_at": None, "linger_seconds": None, **changed}


def receipt(*purges: dict[str, Any], **changed: Any) -> dict[str, Any]:
    """A takedown's receipt. `changed` replaces values of the takedown."""
    what = changed.pop("what", {"urls": [URL], "prefixes": [], "hashes": []})
    state = changed.pop("state", "gone")
    takedown = {"id": "td-1", "at": AT, "by": "ana", "way": "api", "why": "case 9", "list": None, "error": ""}
    summary = {
        "state": state,
        "orders": len(purges),
        "first_at": AT + 1,
        "last_at": AT + 2,
        "linger_seconds": 0.012,
        "verified": 1,
        "delivered": 0,
        "refused": {},
        "owed": {},
        "nodes": {"edge": node(verified=1, first_at=AT + 1, last_at=AT + 2, linger_seconds=0.012), "far": node(owed=1)},
    }
    return {"takedown": {**takedown, "what": what, **changed}, "summary": summary, "purges": purges, "cursor": 0}


class _ParsedPage(HTMLParser):
    """The tags of a page, and its text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += f" {data}"


def test_the_page_shows_everything() -> None:
    """Who asked for what, when and why; the state; each cache; each order with each cache's outcome."""
    known = receipt(purge(outcomes={"edge": outcome()}, owed=["far"], vary={"accept": "image/webp"}))
    text = _ParsedPage(render(known)).text
    for expected in (
        "Takedown td-1",
        "Gone from every cache",
        "ana (api)",
        "case 9",
        URL,
        "accept: image/webp",
        "2026-01-01 00:00:00.500",
        "2026-01-01 00:00:01.500",
        "0.012 s",
        "verified",
        "edge",
        "far",
        "owed",
    ):
        assert expected in text


def test_an_order_for_every_host_and_a_refusal_are_in_words() -> None:
    """Such an order has no URL; a refused purge is tried again without anybody's doing."""
    refused = {**outcome(), "delivery": "refused", "detail": "status 403"}
    everywhere = purge(scope="prefix", url="", forgotten=3, outcomes={"edge": refused})
    text = _ParsedPage(render(receipt(everywhere))).text
    assert "every host" in text
    assert "and everything below" not in text
    assert "status 403; retried every 5 minutes" in text


def test_the_page_of_a_listing() -> None:
    """Listed when, by whom; where it is active; first blocked when."""
    entry = {"id": "ab" * 10, "list": "court", "type": "md5", "value": "9" * 32, "reason": "order 17"}
    listing = {
        "entry": {**entry, "added_by": "ana", "added_at": AT},
        "active": False,
        "waiting_for": ["edge1/7"],
        "matched": True,
        "first_blocked": {"at": AT + 3},
        **{key: value for key, value in receipt().items() if key != "takedown"},
    }
    text = _ParsedPage(render(listing)).text
    for expected in ("md5:" + "9" * 32, "court", "order 17", "ana", "not yet in edge1/7", "2026-01-01 00:00:03.500"):
        assert expected in text
    assert "–" in _ParsedPage(render({**listing, "first_blocked": None, "active": True})).text
    silent = {"active": False, "waiting_for": [], "silent": [{"name": "edge2/proxy/7#a1", "seconds": 4.2}]}
    for page in ({**listing, **silent}, {**receipt(), **silent}):
        assert "not heard from for 4 s: edge2/proxy/7#a1; it may still serve" in _ParsedPage(render(page)).text


@pytest.mark.parametrize("hostile", ["<script>alert(1)</script>", "\"'><img src=x onerror=y>", "&lt;b&gt;", "</style>"])
def test_nothing_from_outside_becomes_markup(hostile: str) -> None:
    """Whatever a URL, a reason, a name or a cache's answer contains is shown as text and adds no tags."""
    calm = receipt(purge(outcomes={"edge": outcome()}, owed=["far"]))
    bad = receipt(
        purge(url=hostile, vary={hostile: hostile}, outcomes={hostile: outcome(detail=hostile)}, owed=[hostile + "2"]),
        why=hostile,
        by=hostile,
        list=hostile,
        error=hostile,
        what={"urls": [hostile], "prefixes": [hostile], "hashes": [hostile]},
    )
    tags = {tag for tag, _ in _ParsedPage(render(bad)).tags}
    assert tags <= {tag for tag, _ in _ParsedPage(render(calm)).tags} | {"br"}
    assert hostile in html.unescape(render(bad).split("<body>")[1])


def test_unprintable_characters_are_escaped() -> None:
    """Bytes outside ASCII, and control characters such as the right-to-left override, are shown as \\xNN."""
    text = _ParsedPage(render(receipt(purge(url="http://h/\xe9\x00"), why="a\u202eb"))).text
    assert "http://h/\\xe9\\x00" in text
    assert "a\\x202eb" in text


def test_the_page_stands_alone() -> None:
    """No script, link or image, and no inline style but one, which the policy allows by its hash."""
    page = render(receipt(purge(outcomes={"edge": outcome()})))
    parsed = _ParsedPage(page)
    assert not {"script", "link", "img", "iframe", "object", "base", "form"} & {tag for tag, _ in parsed.tags}
    assert not [
        name for _, attrs in parsed.tags for name in attrs if name in ("style", "src", "href") or name[:2] == "on"
    ]
    (style,) = re.findall("<style>(.*?)</style>", page, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert f"style-src 'sha256-{digest}'" in POLICY
    assert POLICY.startswith("default-src 'none'")


def test_the_page_says_what_it_leaves_out() -> None:
    """With only some of the orders it says how many there are. Long lists end with the number left out."""
    known = receipt(
        purge(), what={"urls": [f"http://h/{number}" for number in range(150)], "prefixes": [], "hashes": []}
    )
    known["summary"]["orders"] = 500
    text = _ParsedPage(render(known)).text
    assert "1 of 500 orders are shown" in text
    assert "and 50 more" in text
    assert "http://h/99" in text
    assert "http://h/100" not in text


@pytest.mark.parametrize(("copies", "words"), [(0, "Nothing is left where purges look"), (1, "Gone from every cache")])
def test_gone_is_a_word_for_copies_that_were_met(copies: int, words: str) -> None:
    """Purges that met none may have looked under another key than the caches use."""
    changed = receipt()
    changed["summary"] |= {"copies": copies, "met": {"copies": copies, "none": 1, "unknown": 0}}
    assert words in _ParsedPage(render(changed)).text


@pytest.mark.parametrize(
    ("state", "words"),
    [
        ("placing", "more orders will follow"),
        ("purging", "In progress"),
        ("owed", "is unreachable"),
        ("refused", "refuses"),
        ("unknown", "Not known to be gone"),
        ("accepted", "not verified"),
        ("nothing", "Nothing matched"),
        ("inactive", "blocks nothing"),
    ],
)
def test_the_state_is_in_words(state: str, words: str) -> None:
    """Each state other than `gone` says why it is not."""
    text = _ParsedPage(render(receipt(state=state))).text
    assert words in text
    assert "Gone from every cache" not in text


def test_a_cache_that_no_controller_has_is_told() -> None:
    """The heading does not call it unreachable, and nothing is said to be retried there."""
    refused = {**outcome(), "delivery": "refused", "detail": "status 403"}
    order = purge(outcomes={"old": refused}, owed=["gone"], absent=["gone", "old"])
    shown = receipt(order, state="owed")
    shown["summary"] |= {"owed": {"gone": 1}, "refused": {"old": 1}, "absent": ["gone", "old"]}
    text = _ParsedPage(render(shown)).text
    assert "Not gone: no controller has a cache that owes purges" in text and "unreachable" not in text
    assert "gone: no live controller has it in [[caches]]" in text and "edgeward caches forget" in text
    assert "status 403; no live controller has it" in text and "retried" not in text
    shown["summary"] |= {"owed": {"gone": 1, "edge": 1}}
    assert "a cache is unreachable" in _ParsedPage(render(shown)).text
