"""Takedowns through the API, on a real Varnish."""

import time
from typing import Any

import pytest
from tests.support.controllers import Api, ask_until, photo
from tests.support.edges import HOST, Edge

from edgeward.operations import takedowns


def taken_down(edge: Edge, asked: object) -> Any:
    """The answer once only the cache that is down owes orders: asked again under the same key until then."""
    headers = {"Idempotency-Key": str(time.monotonic_ns())}
    return ask_until(
        lambda: edge.api.ask("POST", "/takedowns", asked, headers=headers, wait="verified", timeout=0.3),
        lambda takedown: takedown["purge"]["matched"] and takedown["purge"]["owed"].keys() == {"dead"},
    )


def test_a_url_that_is_taken_down_is_gone_in_every_form(edge: Edge) -> None:
    """Every query string seen is gone from the cache that is up. The answer waits for the other until the timeout, and
    names it."""
    body = photo("camera")
    paths = ("/td/one.jpg", "/td/one.jpg?w=200", "/td/%6fne.jpg")
    for path in paths:
        edge.serve(path, body)
        edge.see(path, body)
    began = time.monotonic()
    takedown = taken_down(edge, {"urls": [f"https://{HOST}/td/one.jpg"], "why": "r"})
    assert time.monotonic() - began >= 0.3
    assert not any(edge.holds(path) for path in paths)
    assert (takedown["by"], takedown["way"], takedown["why"], takedown["urls"]) == ("local", "api", "r", 1)
    assert takedown["purge"]["matched"] is True
    assert takedown["purge"]["orders"] == takedown["orders"] == len(takedown["order_ids"]) == 4
    assert takedown["purge"]["owed"] == {"dead": 4}


def test_everything_below_a_prefix_is_gone(edge: Edge) -> None:
    """Everything seen below the prefix is purged, nothing beside it."""
    body = photo("cell")
    for path in ("/td/17/a.jpg", "/td/17/b/c.jpg", "/td/18/a.jpg"):
        edge.serve(path, body)
        edge.see(path, body)
    taken_down(edge, {"prefixes": [f"https://{HOST}/td/17/"]})
    assert not edge.holds("/td/17/a.jpg")
    assert not edge.holds("/td/17/b/c.jpg")
    assert edge.holds("/td/18/a.jpg")


def test_an_image_that_is_taken_down_is_listed_on_request(edge: Edge) -> None:
    """Every copy of the image is gone. With `list` it is listed too, and the listing's orders are the takedown's."""
    body = photo("coins")
    for path in ("/td/x.jpg", "/td/y.jpg"):
        edge.serve(path, body)
        edge.see(path, body)
    digest = edge.api.post("/check", body).json["fingerprint"]["sha256"]
    edge.api.post("/lists", {"name": "court-td"})
    asked = {"hashes": [f"sha256:{digest}"], "list": "court-td", "why": "order 17"}
    answer = taken_down(edge, asked)
    assert not edge.holds("/td/x.jpg")
    assert not edge.holds("/td/y.jpg")
    assert (answer["list"], answer["hashes"], answer["orders"]) == ("court-td", 1, 4)
    (entry,) = edge.api.get("/lists/court-td/entries").json["entries"]
    assert (entry["value"], entry["added_by"], entry["reason"]) == (digest, "local", "order 17")
    causes = [purge["cause"] for purge in edge.api.get(f"/takedowns/{answer['id']}").json["purges"]]
    assert sorted(causes) == ["listing", "listing", "takedown", "takedown"]


def test_the_same_key_is_the_same_takedown(api: Api) -> None:
    """Sent twice it is one takedown. For something else the key is refused. Another caller's key is a different one."""
    key = {"Idempotency-Key": "sent-twice"}
    asked = {"urls": ["http://photos.example/once"]}
    first = api.ask("POST", "/takedowns", asked, headers=key)
    again = api.ask("POST", "/takedowns", asked, headers=key)
    assert (first.status, again.status) == (202, 202)
    assert first.json["id"] == again.json["id"]
    assert first.json["orders"] == again.json["orders"] == 2
    other = api.ask("POST", "/takedowns", {"urls": ["http://photos.example/other"]}, headers=key)
    assert (other.status, other.json["type"]) == (409, "urn:edgeward:problem:conflict")
    token = api.post("/tokens", {"name": "key-sharer", "role": "operator"}).json["token"]
    assert api.as_(token).ask("POST", "/takedowns", asked, headers=key).json["id"] != first.json["id"]
    assert api.ask("POST", "/takedowns", asked, headers={"Idempotency-Key": "x" * 201}).status == 422


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({}, "nothing to take down"),
        ({"why": "x"}, "nothing to take down"),
        ({"urls": ["http://photos.example/ok", "photos.example/no"]}, "urls: 'photos.example/no'"),
        ({"urls": ["file:///etc/passwd"]}, "file:///etc/passwd"),
        ({"urls": ["http://photos example/"]}, "photos example"),
        ({"prefixes": ["http://photos.example/../"]}, "prefixes: 'http://photos.example/../' has dot segments"),
        ({"prefixes": ["http://user@photos.example/"]}, "prefixes: 'http://user@photos.example/'"),
        ({"hashes": ["sha256:12"]}, "sha256:12"),
        ({"hashes": ["crc:12"]}, "crc"),
        ({"urls": ["http://h/"] * 1001}, "urls"),
        ({"prefixes": ["http://h/"] * 101}, "prefixes"),
        ({"urls": ["http://h/"], "list": "court"}, "only hashes can be listed"),
        ({"urls": "http://h/"}, "urls"),
    ],
)
def test_a_malformed_request_is_named_and_takes_nothing_down(api: Api, body: object, message: str) -> None:
    """A bad URL, prefix or hash, too many, or nothing at all: 422 names it, and there is no takedown."""
    before = api.get("/takedowns").json
    answer = api.post("/takedowns", body)
    assert answer.status == 422
    assert message in answer.json["detail"]
    assert api.get("/takedowns").json == before


@pytest.mark.parametrize("more", [{}, {"urls": ["no url"]}, {"hashes": ["md5:12"]}])
def test_an_unknown_list_takes_nothing_down(api: Api, more: dict[str, Any]) -> None:
    """404 names the list, even if something else is malformed, and there is no takedown."""
    before = api.get("/takedowns").json
    answer = api.post("/takedowns", {"hashes": ["md5:" + "9" * 32], "list": "none-such", **more})
    assert answer.status == 404
    assert "none-such" in answer.json["detail"]
    assert api.get("/takedowns").json == before


def test_long_and_odd_urls_are_taken_down(api: Api) -> None:
    """A URL of 8 KB, raw bytes, a thousand URLs: they are accepted as browsers request them."""
    odd = "http://photos.example/" + "x" * 8192 + "?%C3%A9%C3%BF"
    urls = [odd.replace("%C3%A9%C3%BF", "\xe9\xff"), *(f"http://photos.example/{number}" for number in range(999))]
    answer = api.post("/takedowns", {"urls": urls}, wait="verified", timeout=200)
    assert (answer.status, answer.json["orders"]) == (202, 2000)
    assert len(answer.json["order_ids"]) == 1000
    receipt = api.get(f"/takedowns/{answer.json['id']}", limit=2).json
    assert receipt["takedown"]["what"]["urls"][0] == odd
    assert [purge["url"] for purge in receipt["purges"]] == [odd, odd.replace("http:", "https:")]


def test_a_url_that_stands_for_two_targets_is_named_once(api: Api) -> None:
    """With dot segments or `^` it is purged as it is written too. It is one URL, of which no copy was seen."""
    urls = [f"http://photos.example/x/../{time.monotonic_ns()}", f"http://photos.example/^{time.monotonic_ns()}"]
    takedown = api.post("/takedowns", {"urls": urls}, wait="verified", timeout=30).json
    browser = [url.replace("/x/..", "").replace("^", "%5E") for url in urls]
    assert (takedown["unmatched"], takedown["orders"]) == (browser, 8)
    assert api.post("/purges", {"urls": urls}, wait="verified", timeout=0.1).json["unmatched"] == browser


def test_the_latest_takedowns_come_first(api: Api) -> None:
    """The index shows who asked for what, newest first, up to the limit."""
    made = [api.post("/takedowns", {"urls": [f"http://photos.example/{n}"], "why": str(n)}).json for n in range(3)]
    found = api.get("/takedowns", limit=2).json["takedowns"]
    assert [each["id"] for each in found] == [made[2]["id"], made[1]["id"]]
    assert (found[0]["why"], found[0]["by"], found[0]["urls"], found[0]["state"]) == ("2", "local", 1, "placed")


def test_a_takedown_is_answered_when_it_is_placed(edge: Edge) -> None:
    """Without waiting, the answer comes as soon as the orders are placed, whatever the dead cache owes."""
    began = time.monotonic()
    answer = edge.api.post("/takedowns", {"urls": [f"http://{HOST}/td/quick"]})
    assert time.monotonic() - began < takedowns.PLACING_SECONDS / 2
    assert (answer.json["state"], answer.json["purge"]["owed"]["dead"]) == ("placed", 2)
