"""Sources, through the API."""

import json
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


def test_an_entry_is_reported(redis_url: str, tmp_path: Path) -> None:
    """To the exchange that listed it; one that a person listed is a conflict. What waits is shown with the source."""
    nobody = {"url": "http://127.0.0.1:9", "username": "u", "password": "p"}
    exchange = {"name": "ncmec", "list": "a", "type": "ncmec", "feedback": True, **nobody}
    with RunningController(settings(redis_url, tmp_path, exchanges=[exchange])) as running:
        api = running.api
        api.post("/lists", {"name": "a"})
        by_hand = api.post("/lists/a/entries", {"hashes": [f"md5:{MD5}"]}).json["entries"][0]["id"]
        refused = api.post(f"/entries/{by_hand}/feedback", {"decided": "match"})
        assert (refused.status, "nobody to tell" in refused.json["detail"]) == (409, True)
        assert api.post(f"/entries/{'0' * 20}/feedback", {"decided": "match"}).status == 404
        assert api.post(f"/entries/{by_hand}/feedback", {"decided": "maybe"}).status == 422
        rows = {"type": "sha1", "value": "1" * 40, "source_id": "42-x"}
        query = {"format": "jsonl", "sync": "true", "source": "ncmec", "wait": "verified"}
        assert api.post("/lists/a/imports", json.dumps(rows).encode(), **query).status == 202
        (entry,) = [each for each in api.get("/lists/a/entries").json["entries"] if each["type"] == "sha1"]
        answer = api.post(f"/entries/{entry['id']}/feedback", {"decided": "mistake", "why": "a cat"})
        assert (answer.status, answer.json["source"]) == (202, "ncmec")
        shown = ask_until(lambda: api.get("/sources"), lambda each: each["sources"][0]["feedback"]["error"])
        found = shown["sources"][0]["feedback"]
        assert (found["waiting"], found["sent"], found["refused"]) == (1, 0, 0)
