"""The history of a list, and what differs between its versions, through the API."""

import json

from tests.support.controllers import Api

HASHES = [f"md5:{number:032x}" for number in range(1, 4)]


def test_what_was_done_to_a_list(api: Api, a_list: str) -> None:
    """Each act with its numbers, newest first."""
    made = api.post(f"/lists/{a_list}/entries", {"hashes": HASHES, "reason": "order 17"}).json
    api.delete(f"/acts/{made['act']}", why="lifted")
    path = f"/lists/{a_list}/history"
    answer = api.get(path).json
    undone, added, created = answer["history"]
    assert answer["cursor"] is None
    assert (undone["kind"], undone["id"], undone["removed"], undone["by"]) == ("undo", made["act"], 3, "local")
    assert (added["kind"], added["state"], added["added"], added["from"]) == ("add", "undone", 3, "127.0.0.1")
    assert added["versions"] == [made["version"] - 2, made["version"]]
    assert (created["kind"], created["policy"]["mode"], "origin" in created) == ("created", "enforce", False)
    page = api.get(path, limit=1).json
    assert (page["history"], page["cursor"] is None) == ([undone], False)
    assert api.get(path, limit=10, cursor=page["cursor"]).json["history"] == [added, created]
    assert api.get(path, cursor="x").json["key"] == "cursor"


def test_what_differs_between_versions(api: Api, a_list: str) -> None:
    """One object a line; a version that can't be is refused."""
    made = api.post(f"/lists/{a_list}/entries", {"hashes": HASHES}).json
    gone = api.delete(f"/entries/{made['entries'][0]['id']}").json
    path = f"/lists/{a_list}/diff"
    lines = [json.loads(line) for line in api.get(path, first=made["version"]).body.splitlines()]
    assert lines == [{"change": "removed", "version": gone["version"], **made["entries"][0]}]
    before = made["version"] - 3
    lines = [json.loads(line) for line in api.get(path, first=before, last=made["version"]).body.splitlines()]
    assert [(line["change"], line["id"]) for line in lines] == [("added", each["id"]) for each in made["entries"]]
    assert api.get(path, first=gone["version"]).body == b""
    assert api.get(path, first=9, last=8).status == 422
    assert api.get(path).json["key"] == "first"
    assert api.get("/lists/none-such/diff", first=0).status == 404
