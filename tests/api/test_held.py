"""Held updates through the API of a real controller."""

from collections.abc import Iterator

import pytest
from tests.support.controllers import Api

MD5 = "md5:" + "5c" * 16


@pytest.fixture
def protected(api: Api) -> Iterator[None]:
    """A protect-list that has MD5."""
    assert api.post("/lists", {"name": "ours", "kind": "allow", "protect": True}).json["protect"] is True
    assert api.post("/lists/ours/entries", {"hashes": [MD5]}).status == 201
    yield
    assert api.delete("/lists/ours").status == 200


@pytest.mark.usefixtures("protected")
def test_a_held_update_is_shown_and_decided(api: Api, callers: dict[str, Api], a_list: str) -> None:
    """202 with what it would do; another token approves it. A decided one is 409."""
    first, second = (api.post(f"/lists/{a_list}/entries", {"hashes": [MD5], "reason": "17"}) for _ in range(2))
    assert (first.status, [*first.json]) == (202, ["held"])
    held = first.json["held"]
    assert (held["kind"], held["list"], held["why"], held["what"], held["by"]) == (
        "import",
        a_list,
        "17",
        "1 hash",
        "local",
    )
    assert held["reasons"] == ["it matches 1 entry of protect-lists"]
    assert api.get(f"/lists/{a_list}").json["entries"] == 0
    assert held["id"] in [each["id"] for each in api.get("/held").json["held"]]
    assert api.get(f"/held/{held['id']}").json == held
    assert api.get(f"/jobs/{held['id']}").json["held"] == held
    assert api.post(f"/held/{held['id']}/approve", {}).status == 403
    approved = callers["operator"].post(f"/held/{held['id']}/approve", {"why": "seen"})
    assert (approved.status, approved.json["state"]) == (202, "approved")
    job = api.get(f"/jobs/{held['id']}", wait="verified").json
    assert (job["state"], "held" in job, api.get(f"/lists/{a_list}").json["entries"]) == ("done", False, 1)
    assert api.post(f"/lists/{a_list}/entries", {"hashes": [MD5]}).status == 201  # it is listed already
    rejected = api.post(f"/held/{second.json['held']['id']}/reject", {"why": "twice"})
    assert (rejected.status, rejected.json["error"]) == (200, "rejected by local: twice")
    assert api.post(f"/held/{held['id']}/reject", {}).status == 409
    assert api.get("/held/job-none").status == 404


@pytest.mark.usefixtures("protected")
def test_a_policy_and_a_takedown_are_held(api: Api, a_list: str) -> None:
    """Each by its own id, and both can be rejected by who asked."""
    assert api.patch(f"/lists/{a_list}", {"mode": "monitor"}).status == 200
    assert api.post(f"/lists/{a_list}/entries", {"hashes": [MD5]}).status == 201
    policy = api.patch(f"/lists/{a_list}", {"mode": "enforce"})
    assert (policy.status, policy.json["held"]["values"]) == (202, {"mode": "enforce"})
    takedown = api.post("/takedowns", {"hashes": [MD5]})
    assert (takedown.status, takedown.json["state"]) == (202, "held")
    assert takedown.json["held"]["kind"] == "takedown"
    for held in (policy.json["held"], takedown.json["held"]):
        assert api.post(f"/held/{held['id']}/reject", {}).status == 200
    assert api.get(f"/lists/{a_list}").json["mode"] == "monitor"


def test_held_updates_need_an_operator(callers: dict[str, Api]) -> None:
    """They name lists and people, and let them block."""
    assert callers["viewer"].get("/held").status == 403
    assert callers["viewer"].post("/held/job-1/approve", {}).status == 403
    assert callers["viewer"].post("/held/job-1/reject", {}).status == 403
