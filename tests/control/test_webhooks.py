"""Signed takedowns, as Standard Webhooks has them."""

import base64
import hashlib
import hmac
import json
import time
from typing import Any

import pytest
from tests.control.controllers import Answer, Api, photo, told
from tests.control.edges import HOST, SECRET, Edge

from edgeward import metrics
from edgeward.control.webhooks import key_of

KEY = base64.b64decode(SECRET.removeprefix("whsec_"))
PLAIN = b"a secret that is plain text"
URLS = {"urls": [f"https://{HOST}/hook.jpg"]}


def sign(body: bytes, message_id: str, at: str, key: bytes = KEY) -> str:
    digest = hmac.new(key, f"{message_id}.{at}.".encode() + body, hashlib.sha256).digest()
    return f"v1,{base64.b64encode(digest).decode()}"


def send(api: Api, asked: object, message_id: str = "", sender: str = "gallery", **changed: Any) -> Answer:
    """A request signed as it must be; `changed` replaces one of its parts after that."""
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
    return api.as_("").ask("POST", path, changed.pop("body", body), kind="application/json", headers=headers)


def refusals(reason: str) -> float:
    return float(metrics.webhook_refusals.labels(reason)._value.get())


def test_the_signature_is_the_one_of_the_specification() -> None:
    """The example of the specification's reference implementations: id, timestamp, body, secret -> signature."""
    body = b'{"test": 2432232314}'
    expected = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
    assert sign(body, "msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330", key_of(SECRET)) == expected


def test_a_signed_takedown_is_carried_out(edge: Edge) -> None:
    """No token: the image goes from the cache, and the takedown says which sender asked."""
    body = photo("moon")
    edge.serve("/hook.jpg", body)
    answer = send(edge.api, {**URLS, "why": "deleted by its owner"})
    assert answer.status == 202
    assert (answer.json["by"], answer.json["way"]) == ("webhook:gallery", "webhook")
    path = f"/takedowns/{answer.json['id']}"
    receipt = told(lambda: edge.api.get(path), lambda receipt: receipt["summary"]["verified"] == 2)
    assert not edge.holds("/hook.jpg")
    (purge, *_) = receipt["purges"]
    assert (purge["by"], purge["why"], purge["cause"]) == ("webhook:gallery", "deleted by its owner", "takedown")


def test_sent_again_it_is_the_first_takedown(api: Api) -> None:
    """A sender that did not hear the answer sends again, later, under the same id: still one takedown."""
    first = send(api, URLS, "msg-again", at=time.time() - 200)
    again = send(api, URLS, "msg-again")
    assert (first.status, again.status) == (202, 202)
    assert first.json["id"] == again.json["id"]
    assert send(api, URLS, "msg-again", sender="everyone", key=PLAIN).json["id"] != (first.json["id"])


def test_several_signatures_and_plain_secrets(api: Api) -> None:
    """One right signature among others is enough (a secret is being replaced); a secret may be plain text."""
    body, at = json.dumps(URLS).encode(), str(int(time.time()))
    right = sign(body, "msg-several", at)
    several = f"v1a,abcd v1,{base64.b64encode(b'x' * 32).decode()} {right}"
    assert send(api, URLS, "msg-several", headers={"webhook-signature": several}).status == 202
    asked = {"urls": ["http://any.example/x"]}
    assert send(api, asked, sender="everyone", key=PLAIN).status == 202


@pytest.mark.parametrize(
    ("reason", "changed"),
    [
        ("unknown", {"sender": "nobody"}),
        ("unknown", {"sender": "none-such"}),
        ("signature", {"key": b"another key"}),
        ("signature", {"body": b'{"urls": ["https://photos.example/other.jpg"]}'}),
        ("signature", {"headers": {"webhook-signature": None}}),
        ("signature", {"headers": {"webhook-signature": "v1,"}}),
        ("signature", {"headers": {"webhook-signature": "v1,!!"}}),
        ("signature", {"headers": {"webhook-signature": "\xe9 \xff"}}),
        ("signature", {"headers": {"webhook-id": "another"}}),
        ("signature", {"headers": {"webhook-id": None}}),
        ("signature", {"headers": {"webhook-timestamp": "1"}}),
        ("stale", {"at": time.time() - 3600}),
        ("stale", {"at": time.time() + 3600}),
    ],
)
def test_what_is_not_signed_is_refused(api: Api, reason: str, changed: dict[str, Any]) -> None:
    """401, always in the same words, counted by its reason; nothing is taken down."""
    before, count = api.get("/takedowns").json, refusals(reason)
    answer = send(api, URLS, **changed)
    assert (answer.status, answer.json["detail"]) == (401, "the request is not signed as it must be")
    assert refusals(reason) == count + 1
    assert api.get("/takedowns").json == before


@pytest.mark.parametrize(
    ("reason", "asked"),
    [
        ("host", {"urls": ["https://other.example/a.jpg"]}),
        ("host", {"urls": [f"https://{HOST}/a.jpg", "https://other.example/a.jpg"]}),
        ("host", {"prefixes": [f"https://{HOST}.evil.example/"]}),
        ("list", {"hashes": ["md5:" + "9" * 32], "list": "court"}),
    ],
)
def test_a_sender_takes_down_only_what_is_theirs(api: Api, reason: str, asked: dict[str, Any]) -> None:
    """Another's host or list is 403 that does not say which, counted; nothing of the request is done."""
    before, count = api.get("/takedowns").json, refusals(reason)
    answer = send(api, asked)
    assert (answer.status, answer.json["detail"]) == (403, "the sender may not take that down")
    assert refusals(reason) == count + 1
    assert api.get("/takedowns").json == before


def test_hosts_are_compared_without_port_and_case(api: Api) -> None:
    """The sender's host is the sender's, however it is written."""
    assert send(api, {"urls": [f"https://{HOST.upper()}:8443/a.jpg"]}).status == 202


def test_a_hash_without_a_list_stays_at_the_senders_hosts(edge: Edge) -> None:
    """The image is taken down where the sender serves it, not where others do."""
    body = photo("page")
    edge.see("/mine.jpg", body)
    edge.see("/theirs.jpg", body, host="other.example")
    digest = edge.api.post("/check", body).json["fingerprint"]["sha256"]
    mine = send(edge.api, {"hashes": [f"sha256:{digest}"]}).json
    urls = [purge["url"] for purge in edge.api.get(f"/takedowns/{mine['id']}").json["purges"]]
    assert urls == [f"http://{HOST}/mine.jpg"]
    everyone = send(edge.api, {"hashes": [f"sha256:{digest}"]}, sender="everyone", key=PLAIN).json
    assert everyone["orders"] == 2


def test_a_sender_may_list_on_a_list_of_theirs(api: Api) -> None:
    """The hash is on the list, added by the sender."""
    api.post("/lists", {"name": "gallery-removed"})
    answer = send(api, {"hashes": ["md5:" + "7" * 32], "list": "gallery-removed"})
    assert answer.status == 202
    (entry,) = api.get("/lists/gallery-removed/entries").json["entries"]
    assert entry["added_by"] == "webhook:gallery"


def test_a_signed_body_is_held_to_the_model(api: Api) -> None:
    """A sender who signs nonsense learns what is wrong with it; one who sends too much is cut short."""
    assert send(api, {"urls": ["no url"]}).status == 422
    assert send(api, {"colour": "red"}).json["key"] == "colour"
    assert send(api, URLS, body=b"x" * (17 * 1024 * 1024)).status == 413
