"""What would happen to an image or a hash."""

import io

from PIL import Image
from tests.support.controllers import Api, encoded, photo

PDQ = "pdq:" + "0f1e2d3c4b5a6978" * 3 + "8796a5b4c3d2e1f2"


def test_an_image_is_checked_and_its_signals_shown(api: Api, a_list: str) -> None:
    """Before it is listed it would be delivered. Afterwards a smaller WebP copy of it would be blocked."""
    body = photo("coffee")
    before = api.post("/check", body).json
    assert (before["decision"], before["reason"], before["matches"]) == ("deliver", "no_match", [])
    made = before["fingerprint"]
    assert (made["media_type"], made["width"], made["height"], made["flaw"]) == ("image/jpeg", 320, 240, None)
    assert {signal["type"] for signal in made["signals"]} == {"sha256", "sha1", "md5", "pdq", "phash", "dhash"}
    api.post(f"/lists/{a_list}/entries", body, reason="case 9")
    smaller = encoded(Image.open(io.BytesIO(body)).resize((256, 192)), "WEBP")
    after = api.post("/check", smaller).json
    assert (after["decision"], after["reason"]) == ("block", "match")
    match = after["matches"][0]
    assert (match["list"], match["type"], match["reason"]) == (a_list, "pdq", "case 9")
    assert 0 <= match["distance"] <= 31


def test_an_allowlist_wins(api: Api, a_list: str) -> None:
    """A hash on a block list and on an allowlist is delivered. Both matches are in the answer."""
    api.post(f"/lists/{a_list}/entries", {"hashes": [PDQ]})
    api.post("/lists", {"name": "fine", "kind": "allow"})
    api.post("/lists/fine/entries", {"hashes": [PDQ]})
    answer = api.post("/check", {"hash": PDQ}).json
    assert (answer["decision"], answer["reason"]) == ("deliver", "allowlisted")
    assert {match["list"]: match["kind"] for match in answer["matches"]} == {a_list: "block", "fine": "allow"}
    api.delete("/lists/fine")
    assert api.post("/check", {"hash": PDQ}).json["decision"] == "block"


def test_a_list_that_monitors_or_is_off_does_not_block(api: Api, a_list: str) -> None:
    """A change of a list's mode is active when it is acknowledged."""
    text = "sha256:" + "5" * 64
    api.post(f"/lists/{a_list}/entries", {"hashes": [text]})
    for mode, decision, reason in (
        ("monitor", "deliver", "monitored"),
        ("off", "deliver", "no_match"),
        ("enforce", "block", "match"),
    ):
        api.patch(f"/lists/{a_list}", {"mode": mode})
        answer = api.post("/check", {"hash": text}).json
        assert (answer["decision"], answer["reason"]) == (decision, reason)


def test_the_policy_decides_about_an_image_that_can_not_be_hashed(api: Api) -> None:
    """As in transit, the operator's policy for the flaw decides, and the flaw is the reason."""
    answer = api.post("/check", photo(image_format="PNG")[:40] + b"broken").json
    assert (answer["decision"], answer["reason"]) == ("deliver", "undecodable")
    assert answer["fingerprint"]["flaw"] == "undecodable"


def test_a_quality_counts(api: Api, a_list: str) -> None:
    """A PDQ of low quality matches nothing; a quality on another type is an error."""
    api.post(f"/lists/{a_list}/entries", {"hashes": [PDQ]})
    assert api.post("/check", {"hash": PDQ, "quality": 10}).json["decision"] == "deliver"
    assert api.post("/check", {"hash": "md5:" + "1" * 32, "quality": 10}).status == 422
