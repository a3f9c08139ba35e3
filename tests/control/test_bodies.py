"""What a request may hold."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.control.controllers import Api

from edgeward.control import bodies
from edgeward.types import Target


@pytest.mark.parametrize(
    ("body", "key"),
    [
        ({"name": "a", "colour": "red"}, "colour"),
        ({}, "name"),
        ({"name": "No Spaces"}, "name"),
        ({"name": "x" * 65}, "name"),
        ({"name": "a/b"}, "name"),
        ({"name": 7}, "name"),
        ({"name": "a", "mode": "maybe"}, "mode"),
        ({"name": "a", "radius": {"pdq": 65}}, "radius"),
        ({"name": "a", "radius": {"pdq": -1}}, "radius"),
        ({"name": "a", "radius": {"md5": 1}}, "radius"),
        ({"name": "a", "radius": {"photodna": 1}}, "radius"),
        ({"name": "a", "radius": {"pdq": "31"}}, "radius.pdq"),
        ({"name": "a", "description": "x" * 2001}, "description"),
        ([], ""),
    ],
)
def test_a_bad_key_is_named(api: Api, body: object, key: str) -> None:
    """An unknown, missing or impossible key is 422, and the answer says which."""
    answer = api.post("/lists", body)
    assert (answer.status, answer.json.get("key", "")) == (422, key)
    assert key.split(".")[0] in answer.json["detail"]


@pytest.mark.parametrize("body", [b"", b"{", b"\xff", b"nul", b'{"name": "a"} x'])
def test_what_is_no_json_is_malformed(api: Api, body: bytes) -> None:
    """A body that is no JSON is 400, not 422."""
    answer = api.ask("POST", "/lists", body, kind="application/json")
    assert (answer.status, answer.json["type"]) == (400, "urn:edgeward:problem:malformed")


@pytest.mark.parametrize(
    ("path", "query", "key"),
    [
        ("/lists", {"x": 1}, "x"),
        ("/purges", {"limit": 0}, "limit"),
        ("/purges", {"limit": 1001}, "limit"),
        ("/incidents", {"limit": "many"}, "limit"),
        ("/sightings", {"sha256": "12"}, "sha256"),
    ],
)
def test_a_bad_query_is_named(api: Api, path: str, query: dict[str, object], key: str) -> None:
    """Unknown and impossible parameters of the query are errors like those of a body."""
    answer = api.get(path, **query)
    assert (answer.status, answer.json.get("key", "")) == (422, key)


def test_a_large_json_body_is_refused(api: Api) -> None:
    """JSON beyond its limit is 413, whether its length is declared or not."""
    body = b'{"name": "' + b"a" * bodies.MAX_JSON_BYTES + b'"}'
    assert api.ask("POST", "/lists", body, kind="application/json").status == 413
    chunked = api.ask("POST", "/lists", iter([body[:100], body[100:]]), kind="application/json")
    assert chunked.status == 413


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
    """Nothing of a URL is rewritten: a cache keys its copies by the very bytes."""
    assert bodies.target(url) == target


@pytest.mark.parametrize(
    "url",
    [
        "", "h/a", "ftp://h/a", "http://", "http:///a", "http://h/a b", "http://h/a\n", "http://h/#x", "http://u@h/",
        "http://h:0/", "http://h:x/", "http://h/\u20ac", "HTTP://h/a", "http://h?q", "http://h\xe9/",
    ],
)  # fmt: skip
def test_what_can_not_be_on_the_wire_is_no_target(url: str) -> None:
    """A URL that no cache could have stored is refused by name."""
    with pytest.raises(bodies.BadBody) as caught:
        bodies.target(url)
    assert repr(url) in str(caught.value)


@given(st.text())
def test_a_target_gives_its_url_back(text: str) -> None:
    """Whatever comes in, the target's URL is that text, or it is refused."""
    url = f"http://h/{text}"
    try:
        assert bodies.target(url).url == url
    except bodies.BadBody as error:
        assert error.key == "urls"
