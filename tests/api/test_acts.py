"""Acts through the API: listing and undo, with images that are listed under several entries."""

import skimage.data
from PIL import Image
from tests.support.controllers import Api, ask_until, encoded, photo

ACT = "act-0123456789abcdef"


def brick() -> bytes:
    """A picture whose fine texture gives smaller copies other PDQs: it is listed under many entries."""
    return encoded(Image.fromarray(skimage.data.brick()).resize((480, 360)))


def test_an_image_is_undone_with_all_its_entries(api: Api, a_list: str) -> None:
    """Its SHA-256, its PDQ and those of its smaller copies go together: then nothing blocks it, in any size."""
    body = brick()
    added = api.post(f"/lists/{a_list}/entries", body, reason="case 7").json
    assert len(added["entries"]) > 2
    assert {entry["act"] for entry in added["entries"]} == {added["act"]}
    checked = api.post("/check", body).json
    assert {match["act"] for match in checked["matches"]} == {added["act"]}
    shown = api.get(f"/acts/{added['act']}").json
    assert (shown["listed"], shown["why"], shown["by"], shown["undone_at"]) == (
        len(added["entries"]),
        "case 7",
        "local",
        None,
    )
    undone = api.delete(f"/acts/{added['act']}", why="wrong photo")
    assert (undone.status, undone.json["state"], undone.json["active"]) == (200, "done", True)
    assert undone.json["removed"] == added["entries"]
    assert undone.json["still"]["blocking"] == []
    assert api.post("/check", body).json["decision"] == "deliver"
    assert api.get(f"/lists/{a_list}").json["entries"] == 0
    assert api.delete(f"/acts/{added['act']}").json["removed"] == added["entries"]


def test_undo_says_what_still_blocks(api: Api, a_list: str) -> None:
    """A near copy on another list: its list, entry, type, distance and act."""
    body = photo("coffee")
    near = api.post(f"/lists/{a_list}/entries", photo("coffee", (200, 150))).json
    api.post("/lists", {"name": f"{a_list}-2"})
    added = api.post(f"/lists/{a_list}-2/entries", body).json
    blocking = api.delete(f"/acts/{added['act']}").json["still"]["blocking"]
    assert {match["act"] for match in blocking} == {near["act"]}
    assert blocking[0]["list"] == a_list
    assert (blocking[0]["type"], 0 <= blocking[0]["distance"] <= 31) == ("pdq", True)
    assert blocking[0]["entry"] in {entry["id"] for entry in near["entries"]}


def test_requests_can_share_an_act(api: Api, callers: dict[str, Api], a_list: str) -> None:
    """What is sent with one act is undone together. Nobody adds to the act of another, or to an undone one."""
    path = f"/lists/{a_list}/entries"
    assert api.post(path, photo("rocket"), act=ACT).json["act"] == ACT
    assert api.post(path, {"hashes": ["md5:" + "1a" * 16], "act": ACT}).json["act"] == ACT
    refused = callers["operator"].post(path, {"hashes": ["md5:" + "2a" * 16], "act": ACT})
    assert (refused.status, refused.json["type"]) == (409, "urn:edgeward:problem:conflict")
    assert api.post(path, {"hashes": ["md5:" + "2a" * 16], "act": "mine"}).json["key"] == "act"
    assert callers["operator"].delete(f"/acts/{ACT}").json["act"]["undone_by"] == "the-operator"
    assert api.get(f"/lists/{a_list}").json["entries"] == 0
    assert api.post(path, {"hashes": ["md5:" + "2a" * 16], "act": ACT}).status == 409


def test_an_image_is_removed_from_one_list(api: Api, a_list: str) -> None:
    """All entries that listing it makes go, whichever acts listed them; what still blocks it is named."""
    body = brick()
    added = api.post(f"/lists/{a_list}/entries", body, signals="sha256,pdq,pdq-dhash").json["entries"]
    api.post(f"/lists/{a_list}/entries", body, signals="phash")
    other = api.post(f"/lists/{a_list}/entries", photo("coffee")).json["entries"]
    removed = api.post(f"/lists/{a_list}/removals", body, why="a mistake").json
    assert {entry["id"] for entry in removed["removed"]} > {entry["id"] for entry in added}
    assert (removed["active"], removed["still"]["blocking"]) == (True, [])
    assert api.get(f"/lists/{a_list}").json["entries"] == len(other)
    again = api.post(f"/lists/{a_list}/removals", {"hashes": ["md5:" + "3a" * 16], "why": "r"})
    assert (again.status, again.json["removed"]) == (200, [])
    assert api.post("/lists/none/removals", body).status == 404


def test_one_entry_of_several_says_what_is_left(api: Api, a_list: str) -> None:
    """The act with the number of its other entries, and those of them that still block the image."""
    added = api.post(f"/lists/{a_list}/entries", photo("astronaut")).json
    first, *others = added["entries"]
    removed = api.delete(f"/entries/{first['id']}").json
    assert (removed["remaining"]["id"], removed["remaining"]["listed"]) == (added["act"], len(others))


def test_a_takedown_and_an_import_are_acts(api: Api, a_list: str) -> None:
    """They are undone by their own ids."""
    taken = api.post("/takedowns", {"hashes": ["md5:" + "4a" * 16], "list": a_list}).json["id"]
    text = ("md5:" + "5a" * 16).encode()
    job = api.ask("POST", f"/lists/{a_list}/imports", text, "text/plain", wait="verified").json["job"]["id"]
    ask_until(lambda: api.get(f"/lists/{a_list}"), lambda answer: answer["entries"] == 2)
    for act in (taken, job):
        assert api.delete(f"/acts/{act}").json["act"]["removed"] == 1
    assert api.get(f"/lists/{a_list}").json["entries"] == 0
