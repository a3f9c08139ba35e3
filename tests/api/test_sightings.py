"""Sightings through the API."""

import hashlib

import pytest
from tests.support.controllers import Api, photo
from tests.support.edges import Edge


def test_sightings_are_found_by_url_by_image_and_by_time(edge: Edge) -> None:
    """Sightings are found by URL or by image. Without either, the latest come."""
    body = photo("coffee", (200, 160))
    digest = hashlib.sha256(body).hexdigest()
    edge.see("/coffee.jpg?s=1", body)
    expected = {"url": "http://photos.example/coffee.jpg?s=1", "vary": {}, "size": len(body), "sha256": digest}
    for query in ({"url": expected["url"]}, {"sha256": digest}, {"sha256": digest.upper()}, {}):
        found = edge.api.get("/sightings", **query).json["sightings"]
        assert expected.items() <= found[0].items()
        assert found[0]["seen_at"] > 0


def test_an_unknown_url_or_image_has_no_sightings(edge: Edge) -> None:
    """The answer is empty, not an error."""
    for query in ({"url": "http://photos.example/none"}, {"sha256": "0" * 64}):
        assert edge.api.get("/sightings", **query).json == {"sightings": []}


@pytest.mark.parametrize("url", ["nope", "", "/a.jpg", "http://", "https:///a.jpg", "ftp://a/b", "http://["])
def test_a_url_without_a_host_is_refused(api: Api, url: str) -> None:
    """Nothing can have been seen there: "none" would be taken for an answer."""
    answer = api.get("/sightings", url=url)
    assert (answer.status, answer.json["key"]) == (422, "url")
