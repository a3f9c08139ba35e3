"""Jobs through the API of a real controller."""

from tests.support.controllers import Api


def test_jobs_are_shown(api: Api, a_list: str) -> None:
    """The latest job comes first in the index, and each can be requested by its id."""
    ids = [
        api.ask("POST", f"/lists/{a_list}/imports", b"", "text/plain", reason=reason).json["job"]["id"]
        for reason in ("one", "two")
    ]
    found = api.get("/jobs", limit=2).json["jobs"]
    assert [(job["id"], job["reason"], job["kind"], job["by"]) for job in found] == [
        (ids[1], "two", "import", "local"),
        (ids[0], "one", "import", "local"),
    ]
    shown = api.get(f"/jobs/{ids[0]}", wait="verified").json
    assert (shown["id"], shown["state"], shown["owed"]) == (ids[0], "done", {})
    assert api.get("/jobs/job-none").status == 404
    assert api.get("/jobs", color="red").status == 422


def test_jobs_need_an_operator(callers: dict[str, Api]) -> None:
    """Jobs name lists and people, which viewers must not see."""
    assert callers["viewer"].get("/jobs").status == 403
    assert callers["operator"].get("/jobs").status == 200


def test_a_job_that_has_ended_is_not_cancelled(api: Api, a_list: str) -> None:
    """Its undo is another act, which the answer names; an unknown one is 404."""
    job = api.ask("POST", f"/lists/{a_list}/imports", b"md5:" + b"ab" * 16, "text/plain", wait="verified").json["job"]
    refused = api.delete(f"/jobs/{job['id']}")
    assert (refused.status, f"edgeward undo {job['id']}" in refused.json["detail"]) == (409, True)
    assert api.delete("/jobs/job-none").status == 404
