"""Lists through the API."""

from tests.control.controllers import Api


def test_a_list_is_made_shown_changed_and_deleted(api: Api) -> None:
    """The whole life of a list; each answer says that the change acts everywhere."""
    made = api.post("/lists", {"name": "life", "kind": "allow", "radius": {"pdq": 10}, "description": "d", "why": "w"})
    assert made.status == 201
    assert made.json["active"] is True
    shown = api.get("/lists/life").json
    assert shown.items() <= made.json.items()
    assert (shown["kind"], shown["mode"], shown["action"], shown["entries"]) == ("allow", "enforce", "451", 0)
    assert shown["radius"] == {"pdq": 10, "phash": 6, "dhash": 4, "pdq-dhash": 72}
    changed = api.patch("/lists/life", {"mode": "monitor", "action": "410"}).json
    assert (changed["mode"], changed["action"], changed["description"]) == ("monitor", "410", "d")
    assert (changed["rotations"], changed["geometry"]) == (False, False)
    assert changed["version"] == made.json["version"] + 1
    removed = api.delete("/lists/life", why="done")
    assert (removed.status, removed.json["removed"]["name"]) == (200, "life")
    assert api.get("/lists/life").status == 404


def test_a_patch_of_the_radius_touches_only_the_types_it_names(api: Api) -> None:
    """null gives a type its default back; the others stay."""
    api.post("/lists", {"name": "radii", "radius": {"pdq": 10, "phash": 2}})
    changed = api.patch("/lists/radii", {"radius": {"pdq": None, "dhash": 0}}).json
    assert changed["radius"] == {"pdq": 31, "phash": 2, "dhash": 0, "pdq-dhash": 72}


def test_a_list_asks_for_more_views(api: Api) -> None:
    """Rotations and geometry are off unless asked for; each is changed without the other."""
    assert api.post("/lists", {"name": "both", "rotations": True, "geometry": True}).status == 201
    for asked, expected in (
        ({"mode": "monitor"}, (True, True)),
        ({"rotations": False}, (False, True)),
        ({"geometry": False, "rotations": True}, (True, False)),
    ):
        assert api.patch("/lists/both", asked).status == 200
        shown = api.get("/lists/both").json
        assert (shown["rotations"], shown["geometry"]) == expected
    assert api.patch("/lists/both", {"geometry": "yes"}).json["key"] == "geometry"


def test_all_lists_are_told_with_their_counts(api: Api, a_list: str) -> None:
    """The index has every list by name and the number of its entries."""
    api.post(f"/lists/{a_list}/entries", {"hashes": ["md5:" + "1" * 32, "md5:" + "2" * 32]})
    lists = api.get("/lists").json["lists"]
    assert [each["name"] for each in lists] == sorted(each["name"] for each in lists)
    assert {each["name"]: each["entries"] for each in lists}[a_list] == 2


def test_a_name_is_given_once(api: Api, a_list: str) -> None:
    """Making a list twice is a conflict, and the first one stays as it is."""
    again = api.post("/lists", {"name": a_list, "mode": "off"})
    assert again.status == 409
    assert a_list in again.json["detail"]
    assert api.get(f"/lists/{a_list}").json["mode"] == "enforce"


def test_an_unknown_list_is_named(api: Api) -> None:
    """Nothing can be done with a list that is not there, and the answer says its name."""
    for answer in (
        api.get("/lists/none-such"),
        api.patch("/lists/none-such", {"mode": "off"}),
        api.delete("/lists/none-such"),
        api.get("/lists/none-such/entries"),
        api.post("/lists/none-such/entries", {"hashes": ["md5:" + "1" * 32]}),
        api.post("/lists/none-such/entries", b"\xff\xd8\xff"),
    ):
        assert answer.status == 404
        assert "none-such" in answer.json["detail"]


def test_a_patch_that_changes_nothing_is_refused(api: Api, a_list: str) -> None:
    """An empty patch is a mistake of the caller."""
    assert api.patch(f"/lists/{a_list}", {"why": "because"}).status == 422
