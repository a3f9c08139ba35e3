"""The doctor through the API."""

from tests.support.controllers import Api
from tests.support.edges import Edge


def test_everything_is_checked(edge: Edge) -> None:
    """Store, lists, clock, proxy, hashers and each cache, in one call. A cache that is down is a failure."""
    url = edge.serve("/doctors.jpg", b"harmless")
    answer = edge.api.post("/doctor", {"url": url}).json
    by_check = {(each["about"], each["check"]): each["health"] for each in answer["findings"]}
    assert {about for about, _ in by_check} == {"store", "lists", "clock", "proxy", "hashers", "edge", "dead"}
    assert by_check["edge", "object"] == "ok"
    assert by_check["dead", "purge"] == "fail"
    assert answer["well"] is False
    assert not edge.holds("/doctors.jpg")


def test_without_caches_it_says_so(api: Api) -> None:
    """A controller without caches purges nothing: that is a warning."""
    findings = api.post("/doctor", {}).json["findings"]
    assert [each["health"] for each in findings if each["about"] == "caches"] == ["warn"]


def test_a_bad_url_is_named(api: Api) -> None:
    """The answer is 422, and nothing is checked."""
    answer = api.post("/doctor", {"url": "not a url"})
    assert (answer.status, answer.json["key"]) == (422, "url")
    assert "not a url" in answer.json["detail"]


def test_operators_only(callers: dict[str, Api]) -> None:
    """Findings name addresses, which viewers must not see."""
    assert callers["viewer"].post("/doctor", {}).status == 403
    assert callers["operator"].post("/doctor", {}).status == 200
