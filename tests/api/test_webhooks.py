"""Takedowns by signed requests (Standard Webhooks)."""

import base64
import hashlib
import hmac
import http.client
import json
import time
from typing import Any
from urllib.parse import urlsplit

import pytest
from tests.support.controllers import Answer, Api, ask_until, photo
from tests.support.edges import HOST, SECRET, Edge

from edgeward import metrics
from edgeward.api.requests import MAX_WEBHOOK_BYTES
from edgeward.api.webhooks import key_of

KEY = base64.b64decode(SECRET.removeprefix("whsec_"))
PLAIN = b"a secret that is plain text"
URLS = {"urls": [f"https://{HOST}/hook.jpg"]}
SECONDS_AGO = "seven seconds before the request is sent"


def sign(body: bytes, message_id: str, at: str, key: bytes = KEY) -> str:
    digest = hmac.new(key, f"{message_id}.{at}.".encode() + body, hashlib.sha256).digest()
    return f"v1,{base64.b64encode(digest).decode()}"


def send(api: Api, asked: object, message_id: str = "", sender: str = "gallery", **changed: Any) -> Answer:
    """A correctly signed request. `changed` replaces parts of it after it was signed."""
    body = json.dumps(asked).encode()
    at = str(int(changed.pop("at", time.time())))
    message_id = message_id or f"msg-{time.monotonic_ns()}"
    headers = {
        "webhook-id": message_id,
        "webhook-timestamp": at,
        "webhook-signature": sign(body, message_id, at, changed.pop("key", KEY)),
    }
    headers = {name: value for name, value in {**headers, **changed.pop("headers", {})}.items() if value is not None}
    path = f"/webhooks/{sender}/takedowns"
    return api.as_("").ask("POST", path, changed.pop("body", body), content_type="application/json", headers=headers)


def refusals(reason: str) -> float:
    return metrics.registry.get_sample_value("edgeward_webhook_refusals_total", {"reason": reason}) or 0.0


def test_the_signature_is_the_one_of_the_specification() -> None:
    """The example of the specification's reference implementations."""
    body = b'{"test": 2432232314}'
    expected = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
    assert sign(body, "msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330", key_of(SECRET)) == expected


def test_a_signed_takedown_is_carried_out(edge: Edge) -> None:
    """Without a token, the image is gone from the cache, and the takedown names the sender."""
    body = photo("moon")
    edge.serve("/hook.jpg", body)
    answer = send(edge.api, {**URLS, "why": "deleted by its owner"})
    assert answer.status == 202
    assert (answer.json["by"], answer.json["way"]) == ("webhook:gallery", "webhook")
    path = f"/takedowns/{answer.json['id']}"
    receipt = ask_until(lambda: edge.api.get(path), lambda receipt: receipt["summary"]["verified"] == 2)
    assert not edge.holds("/hook.jpg")
    (purge, *_) = receipt["purges"]
    assert (purge["by"], purge["why"], purge["cause"]) == ("webhook:gallery", "deleted by its owner", "takedown")


def test_sent_again_it_is_the_first_takedown(api: Api) -> None:
    """A sender that missed the answer sends again, later, under the same id: it is still one takedown."""
    first = send(api, URLS, "msg-again", at=time.time() - 200)
    again = send(api, URLS, "msg-again")
    assert (first.status, again.status) == (202, 202)
    assert first.json["id"] == again.json["id"]
    assert send(api, URLS, "msg-again", sender="everyone", key=PLAIN).json["id"] != (first.json["id"])


def test_several_signatures_and_plain_secrets(api: Api) -> None:
    """One correct signature among others is enough (a secret is being replaced). A secret may be plain text."""
    body, at = json.dumps(URLS).encode(), str(int(time.time()))
    right = sign(body, "msg-several", at)
    several = f"v1a,abcd v1,{base64.b64encode(b'x' * 32).decode()} {right}"
    assert send(api, URLS, "msg-several", headers={"webhook-signature": several}).status == 202
    asked = {"urls": ["http://any.example/x"]}
    assert send(api, asked, sender="everyone", key=PLAIN).status == 202


@pytest.mark.parametrize(
    ("reason", "changed"),
    [
        ("unknown", {"sender": "unknown"}),
        ("unknown", {"sender": "none-such"}),
        ("signature", {"key": b"another key"}),
        ("signature", {"body": b'{"urls": ["https://photos.example/other.jpg"]}'}),
        ("signature", {"headers": {"webhook-signature": None}}),
        ("signature", {"headers": {"webhook-signature": "v1,"}}),
        ("signature", {"headers": {"webhook-signature": "v1,!!"}}),
        ("signature", {"headers": {"webhook-signature": "\xe9 \xff"}}),
        ("signature", {"headers": {"webhook-id": "another"}}),
        ("signature", {"headers": {"webhook-id": None}}),
        ("signature", {"headers": {"webhook-timestamp": SECONDS_AGO}}),
        ("stale", {"headers": {"webhook-timestamp": "1"}}),
        ("stale", {"at": time.time() - 3600}),
        ("stale", {"at": time.time() + 3600}),
    ],
)
def test_a_request_not_signed_correctly_is_refused(api: Api, reason: str, changed: dict[str, Any]) -> None:
    """Always 401 with the same message, counted by reason. Nothing is taken down."""
    if changed.get("headers") == {"webhook-timestamp": SECONDS_AGO}:
        changed = {"headers": {"webhook-timestamp": str(int(time.time()) - 7)}}
    before, count = api.get("/takedowns").json, refusals(reason)
    answer = send(api, URLS, **changed)
    assert (answer.status, answer.json["detail"]) == (401, "the request is not signed as required")
    assert refusals(reason) == count + 1
    assert api.get("/takedowns").json == before


@pytest.mark.parametrize(
    ("reason", "asked"),
    [
        ("host", {"urls": ["https://other.example/a.jpg"]}),
        ("host", {"urls": [f"https://{HOST}/a.jpg", "https://other.example/a.jpg"]}),
        ("host", {"prefixes": [f"https://{HOST}.evil.example/"]}),
        ("list", {"hashes": ["md5:" + "9" * 32], "list": "court"}),
        ("host", {"urls": ["https://other.example/a.jpg"], "hashes": ["md5:12"], "list": "court"}),
        ("list", {"hashes": ["md5:12"], "list": "none-such"}),
    ],
)
def test_a_sender_can_take_down_only_its_own(api: Api, reason: str, asked: dict[str, Any]) -> None:
    """Another's host or list is 403 that does not say which, counted by reason. Nothing of the request is done."""
    before, count = api.get("/takedowns").json, refusals(reason)
    answer = send(api, asked)
    assert (answer.status, answer.json["detail"]) == (403, "the sender may not take that down")
    assert refusals(reason) == count + 1
    assert api.get("/takedowns").json == before


def test_hosts_are_compared_without_port_and_case(api: Api) -> None:
    """Neither makes a host another one."""
    assert send(api, {"urls": [f"https://{HOST.upper()}:8443/a.jpg"]}).status == 202


def test_a_hash_without_a_list_is_purged_at_the_senders_hosts(edge: Edge) -> None:
    """The image is purged where the sender serves it, not where others do."""
    body = photo("page")
    edge.see("/mine.jpg", body)
    edge.see("/theirs.jpg", body, host="other.example")
    digest = edge.api.post("/check", body).json["fingerprint"]["sha256"]
    mine = send(edge.api, {"hashes": [f"sha256:{digest}"]}).json
    urls = [purge["url"] for purge in edge.api.get(f"/takedowns/{mine['id']}").json["purges"]]
    assert urls == [f"http://{HOST}/mine.jpg"]
    everyone = send(edge.api, {"hashes": [f"sha256:{digest}"]}, sender="everyone", key=PLAIN).json
    assert everyone["orders"] == 2


def test_a_sender_may_list_on_its_own_lists(api: Api) -> None:
    """The entry names the sender."""
    api.post("/lists", {"name": "gallery-removed"})
    answer = send(api, {"hashes": ["md5:" + "7" * 32], "list": "gallery-removed"})
    assert answer.status == 202
    (entry,) = api.get("/lists/gallery-removed/entries").json["entries"]
    assert entry["added_by"] == "webhook:gallery"


def test_a_signed_body_is_validated(api: Api) -> None:
    """Errors in a signed body are named, and a body that is too large is refused."""
    assert send(api, {"urls": ["no url"]}).status == 422
    assert send(api, {"colour": "red"}).json["key"] == "colour"
    assert send(api, URLS, body=b"x" * (17 * 1024 * 1024)).status == 413


def begun(api: Api, sender: str, headers: dict[str, str]) -> Answer:
    """The answer to a request of which only the head is sent: it comes without the body, or never."""
    parts = urlsplit(api.url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=30)
    connection.putrequest("POST", f"/api/v1/webhooks/{sender}/takedowns")
    for name, value in {"Content-Type": "application/json", "Content-Length": "900000", **headers}.items():
        connection.putheader(name, value)
    connection.endheaders()
    try:
        response = connection.getresponse()
        return Answer(response.status, dict(response.getheaders()), response.read())
    finally:
        connection.close()


@pytest.mark.parametrize(
    ("reason", "sender", "changed"),
    [
        ("unknown", "none-such", {}),
        ("signature", "gallery", {"webhook-signature": ""}),
        ("signature", "gallery", {"webhook-signature": "v1,"}),
        ("signature", "gallery", {"webhook-signature": "v1,!!"}),
        ("signature", "gallery", {"webhook-signature": f"v1,{base64.b64encode(b'short').decode()}"}),
        ("signature", "gallery", {"webhook-signature": f"v2,{base64.b64encode(b'x' * 32).decode()}"}),
        ("signature", "gallery", {"webhook-id": ""}),
        ("signature", "gallery", {"webhook-id": "x" * 300}),
        ("stale", "gallery", {"webhook-timestamp": ""}),
        ("stale", "gallery", {"webhook-timestamp": "soon"}),
        ("stale", "gallery", {"webhook-timestamp": str(int(time.time()) - 3600)}),
        ("stale", "gallery", {"webhook-timestamp": str(int(time.time()) + 3600)}),
    ],
)
def test_what_the_head_shows_to_be_wrong_is_refused_before_the_body(
    api: Api, reason: str, sender: str, changed: dict[str, str]
) -> None:
    """Nobody makes the controller read a body by a request that can't be signed."""
    signature = f"v1,{base64.b64encode(b'x' * 32).decode()}"
    headers = {"webhook-id": "m", "webhook-timestamp": str(int(time.time())), "webhook-signature": signature, **changed}
    count = refusals(reason)
    answer = begun(api, sender, headers)
    assert (answer.status, answer.json["detail"]) == (401, "the request is not signed as required")
    assert refusals(reason) == count + 1


def test_the_body_of_a_webhook_is_bounded(api: Api) -> None:
    """Before its signature is known to be right: by its length, and as it arrives."""
    signature = f"v1,{base64.b64encode(b'x' * 32).decode()}"
    headers = {"webhook-id": "m", "webhook-timestamp": str(int(time.time())), "webhook-signature": signature}
    assert begun(api, "gallery", {**headers, "Content-Length": str(MAX_WEBHOOK_BYTES + 1)}).status == 413
    chunks = iter([b"x" * 65536] * (MAX_WEBHOOK_BYTES // 65536 + 1))
    path = "/webhooks/gallery/takedowns"
    answer = api.as_("").ask("POST", path, chunks, content_type="application/json", headers=headers)
    assert answer.status == 413


def test_a_large_signed_body_is_accepted(api: Api) -> None:
    """Up to the bound: a thousand URLs of usual length."""
    urls = [f"https://{HOST}/{'a' * 900}{number}.jpg" for number in range(1000)]
    assert send(api, {"urls": urls}).status == 202
