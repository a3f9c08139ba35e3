"""POST /lists/{name}/rollback."""

from tests.support.controllers import Api
from tests.support.eventually import until


def test_a_list_is_rolled_back(api: Api) -> None:
    """The answer is that of an import; a version that there is not is named."""
    api.post("/lists", {"name": "rolled"})
    version = api.post("/lists/rolled/entries", {"hashes": ["md5:" + "a1" * 16]}).json["version"]
    api.post("/lists/rolled/entries", {"hashes": ["md5:" + "a2" * 16]})
    tried = api.post("/lists/rolled/rollback", {"version": version, "dry_run": True})
    assert (tried.status, tried.json["new"], tried.json["withdrawn"]) == (200, 0, 1)
    done = api.post("/lists/rolled/rollback", {"version": version, "why": "by mistake"})
    assert done.status == 202
    job = done.json["job"]["id"]
    until(lambda: api.get(f"/jobs/{job}").json["state"] == "done")
    assert [each["value"] for each in api.get("/lists/rolled/entries").json["entries"]] == ["a1" * 16]
    refused = api.post("/lists/rolled/rollback", {"version": 10**9})
    assert (refused.status, "does not exist" in refused.json["detail"]) == (422, True)
    assert api.post("/lists/rolled/rollback", {}).status == 422
    assert api.post("/lists/none/rollback", {"version": 1}).status == 404
