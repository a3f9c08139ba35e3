"""Removals through the API, by what entries have in common."""

from tests.support.controllers import Api, photo

HASHES = [f"md5:{number:032x}" for number in range(1, 6)]


def test_an_act_is_removed_from_a_list(api: Api, a_list: str) -> None:
    """All that it listed there, with the number; a dry run says the same and removes nothing."""
    act = api.post(f"/lists/{a_list}/entries", {"hashes": HASHES}).json["act"]
    other = api.post(f"/lists/{a_list}/entries", {"hashes": ["md5:" + "ab" * 16]}).json["entries"]
    assert api.get(f"/acts/{act}").json["added"] == len(HASHES)
    path = f"/lists/{a_list}/removals"
    tried = api.post(path, {"act": act, "dry_run": True}).json
    assert (tried["count"], len(tried["removed"]), tried["dry_run"]) == (5, 5, True)
    assert api.get(f"/lists/{a_list}").json["entries"] == 6
    gone = api.post(path, {"act": act, "why": "a mistake"}).json
    assert (gone["count"], gone["active"], gone["still"]["blocking"], gone["dry_run"]) == (5, True, [], False)
    assert api.post(path, {"entries": [other[0]["id"]]}).json["count"] == 1
    assert api.post(path, {"source_id": "42"}).json["count"] == 0
    op, why = (api.get("/audit", list=a_list, op="entries").json["acts"][0][key] for key in ("op", "why"))
    assert (op, why) == ("entries.remove", "a mistake")


def test_a_dry_run_for_an_image(api: Api, a_list: str) -> None:
    """What would go is not among what would still block."""
    body = photo("coffee")
    made = api.post(f"/lists/{a_list}/entries", body).json["entries"]
    tried = api.post(f"/lists/{a_list}/removals", body, dry_run="true").json
    assert {each["id"] for each in tried["removed"]} == {each["id"] for each in made}
    assert (tried["still"]["blocking"], api.get(f"/lists/{a_list}").json["entries"]) == ([], len(made))


def test_one_thing_is_named(api: Api, a_list: str) -> None:
    """Nothing, or two, is refused before anything is removed."""
    for body in ({}, {"hashes": HASHES, "act": "act-1"}, {"entries": [], "source_id": ""}, {"hashes": ["md5:12"]}):
        assert api.post(f"/lists/{a_list}/removals", body).status == 422
