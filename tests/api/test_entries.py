"""Entries through the API: listed by hash or by image, shown, removed."""

import io
import json

import imagehash
import numpy as np
import pdqhash
import pytest
import skimage.data
from PIL import Image, ImageOps
from tests.support.controllers import Api, encoded, photo

PDQ = "pdq:" + "0f1e2d3c4b5a6978" * 3 + "8796a5b4c3d2e1f1"


def test_hashes_are_listed_and_act_at_once(api: Api, a_list: str) -> None:
    """When a listing is answered, every live process blocks what it lists."""
    hashes = [PDQ, "md5:" + "AB" * 16]
    answer = api.post(f"/lists/{a_list}/entries", {"hashes": hashes, "quality": 80, "reason": "case 7"})
    assert answer.status == 201
    assert (answer.json["active"], answer.json["waiting_for"], answer.json["notes"]) == (True, [], [])
    by_type = {entry["type"]: entry for entry in answer.json["entries"]}
    assert by_type["md5"]["value"] == "ab" * 16
    assert (by_type["pdq"]["quality"], by_type["md5"]["quality"]) == (80, None)
    assert (by_type["pdq"]["reason"], by_type["pdq"]["added_by"]) == ("case 7", "local")
    verdict = api.post("/check", {"hash": PDQ}).json
    assert (verdict["decision"], verdict["matches"][0]["list"]) == ("block", a_list)
    assert verdict["version"] >= answer.json["version"]


def test_an_image_is_listed_by_what_the_references_compute(api: Api, a_list: str) -> None:
    """sha256 and pdq by default, any type on request, with the values of the reference implementations."""
    picture = Image.fromarray(skimage.data.astronaut()).resize((320, 240))
    body = encoded(picture)
    default = api.post(f"/lists/{a_list}/entries", body, reason="case 8").json
    assert [entry["type"] for entry in default["entries"][:2]] == ["sha256", "pdq"]
    assert {entry["type"] for entry in default["entries"][2:]} <= {"pdq"}  # of smaller copies
    assert default["entries"][0]["reason"] == "case 8"
    bits, _ = pdqhash.compute(np.asarray(picture))
    assert default["entries"][1]["value"] == np.packbits(bits).tobytes().hex()
    asked = api.post(f"/lists/{a_list}/entries", body, signals="phash").json
    assert [entry["value"] for entry in asked["entries"]] == [str(imagehash.phash(picture))]


@pytest.mark.parametrize("picture", [Image.new("RGB", (200, 200), "red"), Image.linear_gradient("L")])
def test_a_plain_image_is_listed_without_its_pdq(api: Api, a_list: str, picture: Image.Image) -> None:
    """A PDQ of nothing, or of low quality, would match unrelated pictures. It is left out, and a note says so."""
    answer = api.post(f"/lists/{a_list}/entries", encoded(picture))
    assert answer.status == 201
    assert [entry["type"] for entry in answer.json["entries"]] == ["sha256"]
    assert len(answer.json["notes"]) == 1
    assert "pdq" in answer.json["notes"][0]


def test_an_image_of_which_nothing_can_be_listed_is_refused(api: Api, a_list: str) -> None:
    """A request for only the PDQ of a plain picture is an error, and nothing is listed."""
    answer = api.post(f"/lists/{a_list}/entries", encoded(Image.new("RGB", (200, 200))), signals="pdq")
    assert (answer.status, answer.json["type"]) == (422, "urn:edgeward:problem:bad-image")
    assert api.get(f"/lists/{a_list}").json["entries"] == 0


def test_a_broken_image_is_listed_by_its_digest(api: Api, a_list: str) -> None:
    """A file that begins like an image but can't be decoded is listed by sha256, with a note."""
    answer = api.post(f"/lists/{a_list}/entries", photo(image_format="PNG")[:40] + b"broken")
    assert answer.status == 201
    assert [entry["type"] for entry in answer.json["entries"]] == ["sha256"]
    assert "undecodable" in answer.json["notes"][0]


@pytest.mark.parametrize(
    "text",
    ["pdq:" + "0" * 64, "md5:d41d8cd98f00b204e9800998ecf8427e", "md5:12", "crc:12", "nonsense", "md5:" + "x" * 32],
)
def test_one_bad_hash_lists_nothing(api: Api, a_list: str, text: str) -> None:
    """A malformed or meaningless hash is named, and nothing of the request is listed."""
    answer = api.post(f"/lists/{a_list}/entries", {"hashes": ["md5:" + "1" * 32, text]})
    assert (answer.status, answer.json["type"]) == (422, "urn:edgeward:problem:bad-signal")
    assert text.partition(":")[0] in answer.json["detail"]
    assert api.get(f"/lists/{a_list}").json["entries"] == 0


def test_a_quality_that_never_matches_is_refused(api: Api, a_list: str) -> None:
    """An entry below the minimum quality would look listed and block nothing. Digests have no quality."""
    for text, quality in ((PDQ, 49), (PDQ, 101), ("md5:" + "1" * 32, 80)):
        answer = api.post(f"/lists/{a_list}/entries", {"hashes": [text], "quality": quality})
        assert (answer.status, answer.json["key"]) == (422, "quality")


def test_listing_again_changes_no_entry(api: Api, a_list: str) -> None:
    """The same signal listed twice is one entry, with the provenance of the first listing. A version of its own has
    that it was listed again: what was seen is matched against it once more."""
    body = {"hashes": [PDQ, PDQ], "reason": "first"}
    first = api.post(f"/lists/{a_list}/entries", body).json
    again = api.post(f"/lists/{a_list}/entries", {**body, "reason": "second"}).json
    assert len(first["entries"]) == 1
    assert again["entries"] == first["entries"]
    assert again["version"] > first["version"]
    assert "already" in again["notes"][0]


def test_entries_are_paged(api: Api, a_list: str) -> None:
    """Following the cursor returns every entry."""
    hashes = [f"md5:{number:032x}" for number in range(1, 301)]
    api.post(f"/lists/{a_list}/entries", {"hashes": hashes})
    seen: list[str] = []
    cursor = 0
    while True:
        page = api.get(f"/lists/{a_list}/entries", cursor=cursor, limit=50).json
        seen += [f"md5:{entry['value']}" for entry in page["entries"]]
        cursor = page["cursor"]
        if not cursor:
            break
    assert sorted(set(seen)) == hashes


def test_a_long_import_is_read_removed_and_undone(api: Api, a_list: str) -> None:
    """Its entries are paged, found, removed by source and undone as those of any act; a listing of one of them outlives
    the undo. History and the receipt of a removed one tell what happened."""
    lines = [
        json.dumps({"value": f"{number:032x}", "type": "md5", "source_id": f"s{number % 2}"}) for number in range(5500)
    ]
    options = {"wait": "verified", "timeout": 60, "reason": "case 9"}
    asked = api.ask("POST", f"/lists/{a_list}/imports", "\n".join(lines).encode(), "application/jsonl", **options)
    job = asked.json["job"]
    assert (job["state"], job["added"]) == ("done", 5500)
    seen, cursor, kinds = set[str](), 0, set[type]()
    while True:
        page = api.get(f"/lists/{a_list}/entries", cursor=cursor, limit=1000).json
        seen |= {entry["value"] for entry in page["entries"]}
        cursor = page["cursor"]
        if not cursor:
            break
        kinds.add(type(cursor))
    assert (len(seen), kinds, cursor) == (5500, {str}, 0)
    answer = api.get("/entries", hash=f"md5:{77:032x}").json["entries"]
    assert [(each["act"], each["source_id"], each["reason"]) for each in answer] == [(job["id"], "s1", "case 9")]
    again = api.post(f"/lists/{a_list}/entries", {"hashes": [f"md5:{number:032x}" for number in (4, 9999)]}).json
    assert again["notes"] == ["listed already: 1 of 2 entries"]
    removed = api.post(f"/lists/{a_list}/removals", {"source_id": "s1"}).json
    assert removed["count"] == 2750
    act = api.get(f"/acts/{job['id']}").json
    assert (act["listed"], act["added"]) == (2749, 5500)
    undone = api.delete(f"/acts/{job['id']}", why="a mistake").json
    assert (undone["act"]["removed"], undone["act"]["kept"], undone["state"]) == (2749, 1, "done")
    assert len(undone["removed"]) == 1000
    assert api.get(f"/lists/{a_list}").json["entries"] == 2
    lines_of = [
        (each["kind"], each["added"], each["removed"]) for each in api.get(f"/lists/{a_list}/history").json["history"]
    ]
    assert lines_of[:4] == [("undo", 0, 2749), ("removal", 0, 2750), ("add", 2, 0), ("import", 5500, 0)]
    receipt = api.get(f"/entries/{undone['removed'][0]['id']}/receipt").json
    assert receipt["entry"]["act"] == job["id"]


def test_a_removed_entry_no_longer_blocks(api: Api, a_list: str) -> None:
    """Removal takes effect at once, by the entry's id alone or with its list."""
    made = api.post(f"/lists/{a_list}/entries", {"hashes": ["md5:" + "7a" * 16, "md5:" + "8a" * 16]}).json
    one, two = made["entries"]
    assert api.get(f"/entries/{one['id']}").json == one
    removed = api.delete(f"/entries/{one['id']}", why="a mistake").json
    assert (removed["removed"], removed["active"]) == (one, True)
    assert api.delete(f"/lists/{a_list}/entries/{two['id']}").json["removed"] == two
    for entry in (one, two):
        assert api.post("/check", {"hash": f"md5:{entry['value']}"}).json["decision"] == "deliver"
        assert api.get(f"/entries/{entry['id']}").status == 404
        assert api.delete(f"/entries/{entry['id']}").status == 404
        assert api.delete(f"/lists/{a_list}/entries/{entry['id']}").status == 404


def test_the_caller_is_who_added_it(callers: dict[str, Api], a_list: str) -> None:
    """An entry has the name of the token that listed it."""
    made = callers["operator"].post(f"/lists/{a_list}/entries", {"hashes": [PDQ]}).json
    assert made["entries"][0]["added_by"] == "the-operator"


def test_a_picture_is_listed_as_it_is_stored(api: Api, a_list: str) -> None:
    """The view within a border is checked but never listed. Smaller copies are listed, and every frame of an
    animation."""
    framed = ImageOps.expand(Image.open(io.BytesIO(photo("coffee"))), 40, "white")
    shown = api.post("/check", encoded(framed)).json["fingerprint"]["signals"]
    assert {signal["view"] for signal in shown} == {"stored", "inner"}
    made = api.post(f"/lists/{a_list}/entries", encoded(framed), signals="pdq").json
    seen = {signal["view"]: signal["value"] for signal in shown if signal["type"] == "pdq"}
    listed = [entry["value"] for entry in made["entries"]]
    assert listed[0] == seen["stored"]
    assert seen["inner"] not in listed
    copy = encoded(framed.resize((framed.width // 2, framed.height // 2)))
    assert api.post("/check", copy).json["decision"] == "block"
    frames = [Image.open(io.BytesIO(photo(name))) for name in ("coffee", "chelsea", "rocket")]
    file = io.BytesIO()
    frames[0].save(file, "GIF", save_all=True, append_images=frames[1:])
    made = api.post(f"/lists/{a_list}/entries", file.getvalue(), signals="pdq").json
    shown = api.post("/check", file.getvalue()).json["fingerprint"]["signals"]
    of_frames = {signal["value"] for signal in shown if signal["type"] == "pdq" and signal["view"] == "stored"}
    assert len(of_frames) == 3
    assert of_frames <= {entry["value"] for entry in made["entries"]}


def test_a_picture_is_listed_by_its_composite_value(api: Api, a_list: str) -> None:
    """On request, a picture's dhash and PDQ are listed as one value with the PDQ's quality, for smaller copies too."""
    picture = Image.fromarray(skimage.data.brick()).resize((480, 360))
    asked = api.post(f"/lists/{a_list}/entries", encoded(picture), signals="pdq,pdq-dhash").json
    dhash = str(imagehash.dhash(picture))
    made = {kind: [each for each in asked["entries"] if each["type"] == kind] for kind in ("pdq", "pdq-dhash")}
    assert len(made["pdq"]) > 1
    assert [each["value"] for each in made["pdq-dhash"]] == [dhash + each["value"] for each in made["pdq"]]
    assert [each["quality"] for each in made["pdq-dhash"]] == [each["quality"] for each in made["pdq"]]
    matches = api.post("/check", encoded(picture)).json["matches"]
    assert {match["type"] for match in matches if match["distance"] == 0} == {"pdq", "pdq-dhash"}
    assert api.get(f"/lists/{a_list}").json["radius"]["pdq-dhash"] == 72


def test_a_composite_hash_is_listed_with_its_quality(api: Api, a_list: str) -> None:
    """Given as a hash, it is listed and checked like a PDQ."""
    composite = "pdq-dhash:0f1e2d3c4b5a6978" + PDQ.partition(":")[2]
    (made,) = api.post(f"/lists/{a_list}/entries", {"hashes": [composite], "quality": 80}).json["entries"]
    assert (made["type"], made["quality"]) == ("pdq-dhash", 80)
    assert api.post("/check", {"hash": composite}).json["decision"] == "block"
    assert api.post("/check", {"hash": composite, "quality": 10}).json["decision"] == "deliver"


@pytest.mark.parametrize(("asked", "status"), [(96, 200), (97, 422), (-1, 422)])
def test_the_radius_of_composite_values_has_bounds(api: Api, a_list: str, asked: int, status: int) -> None:
    """From 0 to 96."""
    assert api.patch(f"/lists/{a_list}", {"radius": {"pdq-dhash": asked}}).status == status


@pytest.mark.parametrize(
    ("policy", "text", "why"),
    [
        ({"mode": "monitor"}, PDQ, "its list is in monitor mode"),
        ({"mode": "off"}, PDQ, "its list is off"),
        ({"kind": "allow"}, "md5:" + "7e" * 16, "its list is an allowlist"),
        ({}, "photodna:" + "3c" * 144, "nothing can match it"),
    ],
)
def test_a_listing_that_blocks_nothing_is_inactive(api: Api, policy: dict[str, str], text: str, why: str) -> None:
    """Nothing was looked for, so it is not said that no copy was seen."""
    name = "-".join(["inactive", *policy.values()])
    assert api.post("/lists", {"name": name, **policy}).status == 201
    try:
        purge = api.post(f"/lists/{name}/entries", {"hashes": [text]}, wait="verified").json["purge"]
    finally:
        api.delete(f"/lists/{name}")
    assert purge["state"] == "inactive"
    assert f"blocks nothing: {why}" in purge["statement"]
    assert "no copy was seen" not in purge["statement"]


def test_one_hash_that_blocks_was_looked_for(api: Api, a_list: str) -> None:
    """Whatever the others of the same request do."""
    hashes = ["photodna:" + "3c" * 144, "md5:" + "7f" * 16]
    assert api.post(f"/lists/{a_list}/entries", {"hashes": hashes}, wait="verified").json["purge"]["state"] == "nothing"


def test_entries_are_searched(api: Api, a_list: str) -> None:
    """By hash, by what is near it with the distance, and by what is known of them."""
    made = api.post(f"/lists/{a_list}/entries", {"hashes": [PDQ, "md5:" + "6d" * 16], "reason": "case 77"}).json
    pdq, md5 = sorted(made["entries"], key=lambda entry: entry["type"], reverse=True)
    assert api.get("/entries", hash="md5:" + "6D" * 16, list=a_list).json == {"entries": [md5], "cursor": None}
    near = api.get("/entries", near=PDQ[:-1] + "0", list=a_list).json
    assert near == {"entries": [{**pdq, "distance": 1}], "cursor": None}
    for query in ({"reason": "CASE 77"}, {"act": made["act"]}, {"type": "md5"}):
        found = api.get("/entries", list=a_list, **query).json
        assert md5 in found["entries"]
        assert found["cursor"] is None
    assert api.get("/entries", list="none-such").status == 404
    both = api.get("/entries", hash=PDQ, near=PDQ)
    assert (both.status, "not both" in both.json["detail"]) == (422, True)
    for key, value in (("cursor", "x"), ("type", "crc"), ("since", "x"), ("colour", "red")):
        answer = api.get("/entries", list=a_list, **{key: value})
        assert (answer.status, answer.json["key"]) == (422, key)
