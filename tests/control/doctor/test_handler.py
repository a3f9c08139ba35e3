"""The examination through the API."""

from tests.control.controllers import Api
from tests.control.edges import Edge


def test_everything_is_looked_at(edge: Edge) -> None:
    """One call tells of the store, the lists, the clock, the proxy and each cache; one that is down is a failure."""
    url = edge.serve("/doctors.jpg", b"harmless")
    answer = edge.api.post("/doctor", {"url": url}).json
    by_cache = {(each["about"], each["check"]): each["health"] for each in answer["findings"]}
    assert {about for about, _ in by_cache} == {"store", "lists", "clock", "proxy", "hashers", "edge", "dead"}
    assert by_cache["edge", "object"] == "ok"
    assert by_cache["dead", "purge"] == "fail"
    assert answer["well"] is False
    assert not edge.holds("/doctors.jpg")


def test_without_caches_it_says_so(api: Api) -> None:
    """A controller that purges nowhere is warned about."""
    findings = api.post("/doctor", {}).json["findings"]
    assert [each["health"] for each in findings if each["about"] == "caches"] == ["warn"]


def test_a_bad_url_is_named(api: Api) -> None:
    """Nothing is tried with it."""
    answer = api.post("/doctor", {"url": "not a url"})
    assert answer.status == 422
    assert "not a url" in answer.json["detail"]


def test_operators_only(callers: dict[str, Api]) -> None:
    """Findings name addresses: a viewer has no business with them."""
    assert callers["viewer"].post("/doctor", {}).status == 403
    assert callers["operator"].post("/doctor", {}).status == 200
