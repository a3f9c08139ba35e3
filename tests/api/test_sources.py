"""Sources, through the API."""

from pathlib import Path

from tests.support.controllers import RunningController, ask_until, settings

MD5 = "9e107d9d372bb6826bd81d3542a419d6"


def test_a_source_is_pulled_and_shown(redis_url: str, tmp_path: Path) -> None:
    """By a running controller, now; the doctor names one that fails; a bad body and an unknown source are errors."""
    path = tmp_path / "list.txt"
    path.write_text(f"md5:{MD5}\n")
    source = {"name": "iwf", "list": "a", "location": str(path)}
    with RunningController(settings(redis_url, tmp_path, list_sources=[source])) as running:
        api = running.api
        found = ask_until(lambda: api.get("/sources"), lambda each: each["sources"][0]["failures"])["sources"][0]
        assert (found["state"], found["error"]) == ("failing", "no list is named 'a'")
        findings = api.post("/doctor", {}).json["findings"]
        (problem,) = [each for each in findings if each["check"] == "sources"]
        assert problem["health"] == "warn" and "no list is named 'a'" in problem["detail"]
        api.post("/lists", {"name": "a"})
        asked = api.post("/sources/iwf/pulls", {"why": "it is there now"})
        assert (asked.status, asked.json["source"]) == (202, "iwf")
        found = ask_until(lambda: api.get("/sources"), lambda each: each["sources"][0]["last_job"])["sources"][0]
        assert (found["state"], found["added"], found["place"], found["kind"]) == ("waiting", 1, str(path), "file")
        assert api.get("/lists/a/entries").json["entries"][0]["value"] == MD5
        assert api.post("/sources/iwf/pulls", {"invented": 1}).status == 422
        assert api.post("/sources/other/pulls", {}).status == 404
