"""Lists through the API."""

from concurrent.futures import ThreadPoolExecutor

from tests.support.controllers import Api


def test_a_list_is_made_shown_changed_and_deleted(api: Api) -> None:
    """Each answer says that the change is active everywhere."""
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
    """null restores a type's default. The others stay."""
    api.post("/lists", {"name": "radii", "radius": {"pdq": 10, "phash": 2}})
    changed = api.patch("/lists/radii", {"radius": {"pdq": None, "dhash": 0}}).json
    assert changed["radius"] == {"pdq": 31, "phash": 2, "dhash": 0, "pdq-dhash": 72}


def test_a_list_can_match_more_views(api: Api) -> None:
    """Rotations and geometry are off by default, and each can be changed alone."""
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


def test_all_lists_are_shown_with_their_counts(api: Api, a_list: str) -> None:
    """The index has every list, by name, with the number of its entries."""
    api.post(f"/lists/{a_list}/entries", {"hashes": ["md5:" + "1" * 32, "md5:" + "2" * 32]})
    lists = api.get("/lists").json["lists"]
    assert [each["name"] for each in lists] == sorted(each["name"] for each in lists)
    assert {each["name"]: each["entries"] for each in lists}[a_list] == 2


def test_a_name_is_unique(api: Api, a_list: str) -> None:
    """Creating a list twice is a conflict, and the first list stays unchanged."""
    again = api.post("/lists", {"name": a_list, "mode": "off"})
    assert again.status == 409
    assert a_list in again.json["detail"]
    assert api.get(f"/lists/{a_list}").json["mode"] == "enforce"


def test_an_unknown_list_is_named(api: Api) -> None:
    """Every route of a list that does not exist is 404, and the answer names it."""
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
    """A patch with only `why` is an error."""
    assert api.patch(f"/lists/{a_list}", {"why": "because"}).status == 422


def test_patches_at_once_are_all_made(api: Api, a_list: str) -> None:
    """Two people change different things at the same time: neither is lost."""
    patches: list[dict[str, object]] = [
        {"mode": "monitor"},
        {"action": "410"},
        {"description": "d"},
        {"rotations": True},
        {"geometry": True},
        {"radius": {"pdq": 5}},
        {"radius": {"phash": 5}},
        {"radius": {"dhash": 5}},
    ]
    with ThreadPoolExecutor(len(patches)) as threads:
        answers = list(threads.map(lambda patch: api.patch(f"/lists/{a_list}", patch).status, patches))
    assert answers == [200] * len(patches)
    shown = api.get(f"/lists/{a_list}").json
    assert (shown["mode"], shown["action"], shown["description"]) == ("monitor", "410", "d")
    assert (shown["rotations"], shown["geometry"]) == (True, True)
    assert shown["radius"] == {"pdq": 5, "phash": 5, "dhash": 5, "pdq-dhash": 72}


def test_a_change_can_depend_on_what_was_read(api: Api, a_list: str) -> None:
    """If-Match with the ETag that was read: 412 if the policy was changed since, for PATCH and DELETE. Entries do not
    change it."""
    path = f"/lists/{a_list}"
    read = api.get(path).headers["ETag"]
    assert read.startswith('"')
    api.post(f"{path}/entries", {"hashes": ["md5:" + "1" * 32]})
    assert api.get(path).headers["ETag"] == read
    changed = api.ask("PATCH", path, {"mode": "monitor"}, headers={"If-Match": f'"other", {read}'})
    assert changed.status == 200
    assert changed.headers["ETag"] == api.get(path).headers["ETag"] != read
    for method, body in (("PATCH", {"mode": "off"}), ("DELETE", None)):
        for sent in (read, f"W/{changed.headers['ETag']}"):
            stale = api.ask(method, path, body, headers={"If-Match": sent})
            assert (stale.status, stale.json["type"]) == (412, "urn:edgeward:problem:precondition-failed")
    assert api.get(path).json["mode"] == "monitor"
    assert api.ask("PATCH", path, {"mode": "off"}, headers={"If-Match": "*"}).status == 200
    assert api.ask("DELETE", path, headers={"If-Match": api.get(path).headers["ETag"]}).status == 200
    assert api.ask("PATCH", path, {"mode": "off"}, headers={"If-Match": "*"}).status == 404
