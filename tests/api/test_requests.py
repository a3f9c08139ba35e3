"""Bodies and queries of requests."""

import pytest
from tests.support.controllers import Api

from edgeward.api import requests


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
    """A key that is unknown, missing or invalid is 422, and the answer names it."""
    answer = api.post("/lists", body)
    assert (answer.status, answer.json.get("key", "")) == (422, key)
    assert key.split(".")[0] in answer.json["detail"]


@pytest.mark.parametrize("body", [b"", b"{", b"\xff", b"nul", b'{"name": "a"} x'])
def test_a_body_that_is_not_json_is_malformed(api: Api, body: bytes) -> None:
    """It is 400, not 422."""
    answer = api.ask("POST", "/lists", body, content_type="application/json")
    assert (answer.status, answer.json["type"]) == (400, "urn:edgeward:problem:malformed")


@pytest.mark.parametrize(
    ("path", "body", "detail"),
    [
        ("/lists", [], "the body must be an object"),
        ("/lists", {}, "name is required"),
        ("/lists", {"name": "a b"}, "name: must be 1 to 64 of a-z, 0-9, _ . -, beginning with a letter or digit"),
        ("/lists", {"name": "a", "mode": "maybe"}, "mode: must be 'enforce', 'monitor' or 'off'"),
        ("/lists", {"name": "a", "radius": 3}, "radius: must be an object"),
        ("/lists", {"name": "a", "radius": {"pdq": "31"}}, "radius.pdq: must be a whole number"),
        ("/purges", {"urls": []}, "urls: needs at least 1 value"),
        ("/purges", {"urls": "http://h/"}, "urls: must be a list"),
    ],
)
def test_the_detail_says_what_is_wrong(api: Api, path: str, body: object, detail: str) -> None:
    """The words are ours: what the value must be."""
    assert api.post(path, body).json["detail"] == detail


def test_an_empty_body_is_named(api: Api) -> None:
    """A forgotten body is told from a malformed one."""
    answer = api.ask("POST", "/lists", b" ", content_type="application/json")
    assert (answer.status, answer.json["detail"]) == (400, "the body is empty")


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
    """Unknown and invalid query parameters are errors like those of a body."""
    answer = api.get(path, **query)
    assert (answer.status, answer.json.get("key", "")) == (422, key)


def test_a_large_json_body_is_refused(api: Api) -> None:
    """JSON over the limit is 413, whether its length is declared or not."""
    body = b'{"name": "' + b"a" * requests.MAX_JSON_BYTES + b'"}'
    assert api.ask("POST", "/lists", body, content_type="application/json").status == 413
    chunked = api.ask("POST", "/lists", iter([body[:100], body[100:]]), content_type="application/json")
    assert chunked.status == 413
