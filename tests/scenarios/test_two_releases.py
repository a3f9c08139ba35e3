"""A rolling upgrade: this release and a later one share a store and a cache. Each sees what the other does."""

import hashlib
import itertools
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import redis
from tests.scenarios.later_release import NEEDS_LATER, build_later_release
from tests.scenarios.pictures import fresh
from tests.support.eventually import until
from tests.support.programs import require

from edgeward.demo.edge import Edge
from edgeward.demo.http_client import HOST, ask
from edgeward.demo.photos import Photo
from edgeward.demo.stack import Stack

_names = itertools.count()


@dataclass(frozen=True)
class Fleet:
    """Two machines. `store` is a client of their store, whose keys begin with `namespace`."""

    stack: Stack
    later: Edge
    store: "redis.Redis[bytes]"
    namespace: str

    @property
    def old(self) -> Edge:
        return self.stack.edge

    @property
    def edges(self) -> tuple[Edge, Edge]:
        return self.old, self.later

    def photo(self) -> Photo:
        """A new photograph that both machines have served and the cache holds."""
        photo = fresh()
        self.stack.serve(photo)
        assert [self.status(edge, photo) for edge in self.edges] == [200, 200]
        assert self.stack.held(photo.path)
        return photo

    def status(self, edge: Edge, photo: Photo) -> int:
        return ask(edge.proxy, photo.path).status

    def key(self, *parts: str) -> str:
        return ":".join((self.namespace, *parts))


@pytest.fixture(scope="module")
def fleet(redis_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    require("varnishd")
    directory = tmp_path_factory.mktemp("releases")
    namespace = f"releases{next(_names)}"
    settings = {"proxy": {"workers": 1}, "store": {"url": redis_url, "namespace": namespace, "timeout_ms": 20_000}}
    with Stack(directory, settings=settings) as stack:
        of_later = {**stack.settings(settings)}
        of_later["proxy"] = {**of_later["proxy"], "listen": "127.0.0.1:0"}
        with (
            Edge(directory / "later", of_later, build_later_release(directory / "source")) as later,
            redis.Redis.from_url(redis_url) as store,
        ):
            yield Fleet(stack, later, store, namespace)


def test_what_each_lists_is_blocked_by_both(fleet: Fleet) -> None:
    """And is gone from the cache, whichever controller purges it. A list of the later one has a mode of its own."""
    fleet.old.create_list("old")
    fleet.later.create_list("later")
    for edge, name in ((fleet.old, "later"), (fleet.later, "old")):
        photo = fleet.photo()
        added = edge.add_image(name, photo.body, wait=True)
        assert (added["active"], added["waiting_for"]) == (True, [])
        assert not added["purge"]["owed"] | added["purge"]["refused"], added
        assert not fleet.stack.held(photo.path)
        assert [fleet.status(each, photo) for each in fleet.edges] == [451, 451]
        for each in fleet.edges:
            until(lambda each=each, path=photo.path: path in json.dumps(each.api("GET", "/incidents?limit=1000")))


def test_a_policy_that_only_the_later_one_knows_blocks(fleet: Fleet) -> None:
    """The older one enforces it, says so, and keeps it with all that it does not know, when it changes the list."""
    fleet.later.create_list("quiet", mode="shadow")
    photo = fleet.photo()
    fleet.later.add_image("quiet", photo.body)
    until(lambda: fleet.status(fleet.old, photo) == 451)
    assert fleet.status(fleet.later, photo) == 200
    (finding,) = _findings(fleet.old, "readable")
    assert (finding["health"], "quiet (mode)" in finding["detail"]) == ("warn", True)
    fleet.old.api("PATCH", "/lists/quiet", {"description": "as before"})
    stored = json.loads(fleet.store.hget(fleet.key("{blocklist}", "lists"), "quiet") or b"{}")
    assert (stored["mode"], stored["quota"], stored["description"]) == ("shadow", 9, "as before")
    fleet.old.api("PATCH", "/lists/quiet", {"mode": "off"})
    until(lambda: [fleet.status(each, photo) for each in fleet.edges] == [200, 200])
    assert _findings(fleet.old, "readable")[0]["health"] == "ok"


@pytest.mark.parametrize("number", [0, 1])
def test_what_each_takes_down_is_gone(fleet: Fleet, number: int) -> None:
    """By whichever controller it is carried out; both have its receipt."""
    edge, photo = fleet.edges[number], fleet.photo()
    url = _url_of(photo)
    takedown = edge.api("POST", "/takedowns", {"urls": [url], "why": "case 1"})["id"]
    for each in fleet.edges:
        until(lambda each=each: _receipt(each, takedown)["state"] == "gone")
    assert not fleet.stack.held(photo.path)


@pytest.mark.parametrize("number", [0, 1])
def test_what_each_imports_is_listed(fleet: Fleet, number: int) -> None:
    """By whichever controller it is carried out; both block it, and no cache holds it."""
    edge, photo = fleet.edges[number], fleet.photo()
    edge.create_list(f"imported{number}")
    digest = hashlib.sha256(photo.body).hexdigest()
    path = f"/lists/imported{number}/imports?format=text"
    job = edge.api("POST", path, body=f"sha256:{digest}\n".encode())["job"]["id"]
    for each in fleet.edges:
        until(lambda each=each: each.api("GET", f"/jobs/{job}")["state"] == "done")
        until(lambda each=each: fleet.status(each, photo) == 451)
    until(lambda: not fleet.stack.held(photo.path))


@pytest.mark.parametrize("number", [0, 1])
def test_what_each_purges_is_gone(fleet: Fleet, number: int) -> None:
    """For a cause that the older one does not know, too."""
    edge, photo = fleet.edges[number], fleet.photo()
    done = edge.api("POST", "/purges?wait=verified&timeout=30", {"urls": [_url_of(photo)]})
    until(lambda: not fleet.stack.held(photo.path))
    causes = {each.api("GET", f"/purges/{order['id']}")["cause"] for order in done["purges"] for each in fleet.edges}
    assert causes == [{"manual"}, {"unknown", "later"}][number]


def test_a_takedown_that_needs_the_later_one_is_left_to_it(fleet: Fleet) -> None:
    """Whichever controller sees it first. The older one says why it can't show it; its own are carried out."""
    photo = fleet.photo()
    body = {"urls": [_url_of(photo)], "why": NEEDS_LATER}
    takedown = fleet.later.api("POST", "/takedowns", body)["id"]
    until(lambda: _receipt(fleet.later, takedown)["state"] == "gone")
    answer = fleet.old.call("GET", f"/takedowns/{takedown}")
    assert answer.status == 503
    assert "written by a later release of Edgeward: upgrade" in answer.json()["detail"]
    assert takedown not in json.dumps(fleet.old.api("GET", "/takedowns"))


def test_an_entry_that_needs_the_later_one_stops_no_other(fleet: Fleet) -> None:
    """It acts at the later one. The older one says that it does not act here, is not ready, and blocks all others."""
    fleet.later.create_list("both")
    photo, other = fleet.photo(), fleet.photo()
    digest = hashlib.sha256(photo.body).hexdigest()
    body = {"hashes": [f"sha256:{digest}"], "reason": NEEDS_LATER}
    added = fleet.later.api("POST", "/lists/both/entries", body)
    until(lambda: fleet.status(fleet.later, photo) == 451)
    until(lambda: not fleet.stack.held(photo.path))
    until(lambda: ask(fleet.old.admin, "/readyz").status == 503)
    reasons = ask(fleet.old.admin, "/readyz").json()["reasons"]
    assert any("of the list 'both'" in reason and "upgrade" in reason for reason in reasons)
    assert _findings(fleet.old, "readable")[0]["health"] == "fail"
    # Those that can't act by all lists are named.
    answer = fleet.later.add_image("both", other.body)
    assert (answer["active"], len(answer["waiting_for"]) >= 2) == (False, True)
    assert [fleet.status(each, other) for each in fleet.edges] == [451, 451]
    (entry,) = added["entries"]
    fleet.old.api("DELETE", f"/lists/both/entries/{entry['id']}")
    until(lambda: ask(fleet.old.admin, "/readyz").status == 200)
    until(lambda: not _add_again(fleet.later)["waiting_for"])


def test_the_layout_is_of_the_later_one(fleet: Fleet) -> None:
    """It has noted its version, and the older one may go on."""
    assert fleet.store.hgetall(fleet.key("{blocklist}", "layout")) == {b"written": b"2", b"needs": b"1"}


def _add_again(edge: Edge) -> dict[str, Any]:
    added: dict[str, Any] = edge.api("POST", "/lists/both/entries", {"hashes": ["md5:" + "3c" * 16]})
    return added


def _url_of(photo: Photo) -> str:
    return f"http://{HOST}{photo.path}"


def _receipt(edge: Edge, takedown: str) -> dict[str, Any]:
    found: dict[str, Any] = edge.api("GET", f"/takedowns/{takedown}")["takedown"]
    return found


def _findings(edge: Edge, check: str) -> list[dict[str, Any]]:
    findings: list[dict[str, Any]] = edge.api("POST", "/doctor", {})["findings"]
    return [each for each in findings if each["check"] == check]
