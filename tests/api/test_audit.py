"""The audit trail through the API."""

from tests.support.controllers import Api

MD5 = "md5:" + "5e" * 16


def test_who_did_what_from_where_and_why(callers: dict[str, Api], api: Api, a_list: str) -> None:
    """Newest first, with the reasons that every command asks for, filtered as asked."""
    made = callers["operator"].post(f"/lists/{a_list}/entries", {"hashes": [MD5], "reason": "order 17"}).json
    api.delete(f"/entries/{made['entries'][0]['id']}", why="a mistake")
    removed, added, created = api.get("/audit", list=a_list).json["acts"]
    assert (removed["op"], removed["who"], removed["why"]) == ("entry.remove", "local", "a mistake")
    assert removed["about"] == {"entry": made["entries"][0]["id"], "hash": MD5}
    assert (added["who"], added["from"], added["why"]) == ("the-operator", "127.0.0.1", "order 17")
    assert (added["act"], added["count"], added["versions"]) == (made["act"], 1, [made["version"]] * 2)
    assert (created["op"], created["about"]["mode"]) == ("list.set", "enforce")
    assert api.get("/audit", list=a_list, who="the-operator").json["acts"] == [added]
    assert api.get("/audit", list=a_list, op="list", until=added["at"]).json["acts"] == [created]
    assert api.get("/audit", list=a_list, since=removed["at"] + 1).json["acts"] == []


def test_pages_and_what_follows(api: Api, a_list: str) -> None:
    """`cursor` leads to older lines, `after` to those made since; the last page has no cursor."""
    before = api.get("/audit", limit=1).json["newest"]
    for number in range(3):
        api.post(f"/lists/{a_list}/entries", {"hashes": [f"md5:{number + 1:032x}"], "reason": str(number)})
    whys, cursor = [], ""
    while cursor is not None:
        page = api.get("/audit", list=a_list, op="entry", limit=1, cursor=cursor).json
        whys += [act["why"] for act in page["acts"]]
        cursor = page["cursor"]
    assert whys == ["2", "1", "0"]
    newer = api.get("/audit", list=a_list, after=before).json
    assert [act["why"] for act in newer["acts"]] == ["0", "1", "2"]
    assert api.get("/audit", list=a_list, after=newer["newest"]).json == {"acts": [], "newest": newer["newest"]}


def test_a_wrong_query_is_refused(api: Api) -> None:
    """Its key is named."""
    for key, value in (("cursor", "7"), ("after", "x"), ("since", "-1"), ("limit", "0"), ("colour", "red")):
        answer = api.get("/audit", **{key: value})
        assert (answer.status, answer.json["key"]) == (422, "cursor" if key == "after" else key)
