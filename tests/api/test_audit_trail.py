"""Every route that changes something leaves a line in the audit trail: who, when, from where and why."""

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlencode

import pytest
from tests.support.controllers import Answer, Api, RunningController, ask_until, settings
from tests.support.edges import SECRET, WEBHOOKS, with_store

from edgeward.api.routes import ROUTES, Route
from edgeward.api.webhooks import key_of
from edgeward.imports.source_acts import new_source_act
from edgeward.lists.audit_trail import AuditTrail
from edgeward.lists.entry_modes import EntryModes
from edgeward.lists.held_changes import HeldChange, HeldChanges
from edgeward.lists.list_store import ListStore
from edgeward.lists.replication.membership import Membership
from edgeward.operations.guard import Judgement
from edgeward.operations.import_effect import SeenEffect
from edgeward.purging.orders import Orders
from edgeward.store.connection import Store
from edgeward.types import Entry, Signal

WHY = "order 17 of the court"
MD5 = "md5:" + "1" * 32
CHANGES_NOTHING = {
    "POST /api/v1/check": "asks what the lists say",
    "POST /api/v1/entries/purges": "asks what became of purges",
}

type Line = tuple[str, str, str, str, float]
"""op, who, from, why, at"""


OF_NCMEC = Entry(
    "a", Signal("md5", "4c" * 16), "", "source:ncmec", 1.0, new_source_act("a", "ncmec"), "42-x", ("ncmec",)
)


@pytest.fixture(scope="module")
def controller(redis_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningController]:
    directory = Path(tmp_path_factory.mktemp("audit"))
    source = {"name": "iwf", "list": "a", "location": str(directory / "none.csv"), "every_seconds": 86_400}
    nobody = {"url": "http://127.0.0.1:9", "username": "u", "password": "p"}
    exchange = {"name": "ncmec", "list": "a", "type": "ncmec", "every_seconds": 86_400, "feedback": True, **nobody}
    more = {"webhooks": WEBHOOKS, "guard": {"second_person": False}, "list_sources": [source], "exchanges": [exchange]}
    config = settings(redis_url, directory, **more)
    with RunningController(config) as running:
        running.api.post("/lists", {"name": "a"})
        with_store(config, _prepare)
        yield running


async def _list_for_ncmec(store: Store) -> None:
    """An entry that the exchange has listed."""
    await ListStore(store).add_entries([OF_NCMEC], "source:ncmec", "", OF_NCMEC.act)


async def _prepare(store: Store) -> None:
    """A cache that no controller has in its settings."""
    await Orders(store).ensure_group("gone")
    await store.redis.hset(store.key("{purges}", "nodes"), "gone", f"{store.clock.now() - 100:.3f}")


async def _hold_changes(store: Store) -> None:
    """One to approve, and one to reject."""
    for name in ("chg-approve", "chg-reject"):
        values, at = {"description": "d"}, time.time()
        change = HeldChange("a", values, "local", at, origin="127.0.0.1", id=name)
        await HeldChanges(store).create(change, Judgement(SeenEffect(), ("too much",)).to_json())


async def _leave_a_killed_process(store: Store) -> None:
    """All that wait for anything wait for it."""
    await Membership(store).heartbeat("edge2/proxy/7#a1", 0, journal="of-edge2")
    await Membership(store).note_ended(["edge2/proxy/7#a1"])


def _entry(api: Api) -> str:
    return str(api.post("/lists/a/entries", {"hashes": [MD5]}).json["entries"][0]["id"])


def _sent(api: Api) -> Answer:
    now, body = str(int(time.time())), json.dumps({"urls": ["http://photos.example/a.jpg"], "why": WHY}).encode()
    code = hmac.new(key_of(SECRET), b".".join((b"msg_9", now.encode(), body)), hashlib.sha256).digest()
    signature = f"v1,{base64.b64encode(code).decode()}"
    headers = {"webhook-id": "msg_9", "webhook-timestamp": now, "webhook-signature": signature}
    return api.ask("POST", "/webhooks/gallery/takedowns", body, "application/json", headers)


def _import(api: Api, query: str) -> Answer:
    return api.ask("POST", f"/lists/a/imports?{query}", MD5.encode(), "text/plain")


def _cancelled(api: Api) -> Answer:
    """Of an import that takes seconds."""
    lines = "\n".join(f"md5:{number:032x}" for number in range(1, 20_001))
    job = api.ask("POST", f"/lists/a/imports?{urlencode({'reason': WHY})}", lines.encode(), "text/plain").json["job"]
    return api.ask("DELETE", f"/jobs/{job['id']}", why=WHY)


def _rolled_back(api: Api) -> Answer:
    version = api.post("/lists/a/entries", {"hashes": ["md5:" + "3" * 32]}).json["version"]
    return api.post("/lists/a/rollback", {"version": version - 1, "why": WHY})


def _act(api: Api) -> str:
    return str(api.post("/lists/a/entries", {"hashes": ["md5:" + "2" * 32]}).json["act"])


def _token(api: Api) -> str:
    return str(api.post("/tokens", {"name": "cy", "role": "viewer"}).json["id"])


URLS = {"urls": ["http://photos.example/a.jpg"], "why": WHY}
REQUESTS: dict[str, Callable[[Api], Answer]] = {
    "POST lists": lambda api: api.post("/lists", {"name": "b", "why": WHY}),
    "PATCH lists/{name}": lambda api: api.ask("PATCH", "/lists/a", {"description": "d", "why": WHY}),
    "DELETE lists/{name}": lambda api: api.ask("DELETE", "/lists/b", why=WHY),
    "POST lists/{name}/entries": lambda api: api.post("/lists/a/entries", {"hashes": [MD5], "reason": WHY}),
    "DELETE lists/{name}/entries/{id}": lambda api: api.ask("DELETE", f"/lists/a/entries/{_entry(api)}", why=WHY),
    "POST lists/{name}/removals": lambda api: (
        _entry(api) and api.post("/lists/a/removals", {"hashes": [MD5], "why": WHY})
    ),
    "POST lists/{name}/imports": lambda api: _import(api, urlencode({"reason": WHY, "wait": "verified"})),
    "POST lists/{name}/rollback": _rolled_back,
    "POST sources/{name}/pulls": lambda api: api.post("/sources/iwf/pulls", {"why": WHY}),
    "POST entries/{id}/feedback": lambda api: api.post(
        f"/entries/{OF_NCMEC.id}/feedback", {"decided": "match", "why": WHY}
    ),
    "DELETE jobs/{id}": _cancelled,
    "DELETE entries/{id}": lambda api: api.ask("DELETE", f"/entries/{_entry(api)}", why=WHY),
    "DELETE acts/{id}": lambda api: api.ask("DELETE", f"/acts/{_act(api)}", why=WHY),
    "POST held/{id}/approve": lambda api: api.post("/held/chg-approve/approve", {"why": WHY}),
    "POST held/{id}/reject": lambda api: api.post("/held/chg-reject/reject", {"why": WHY}),
    "POST suspended/{id}/confirm": lambda api: api.post(f"/suspended/{_entry(api)}/confirm", {"why": WHY}),
    "POST purges": lambda api: api.post("/purges", URLS),
    "POST caches/forget": lambda api: api.post("/caches/forget", {"name": "gone", "why": WHY}),
    "POST caches/emptied": lambda api: api.post("/caches/emptied", {"name": "gone", "why": WHY}),
    "POST purges/retry": lambda api: api.post("/purges/retry", {"why": WHY}),
    "POST takedowns": lambda api: api.post("/takedowns", URLS),
    "POST webhooks/{name}/takedowns": _sent,
    "POST doctor": lambda api: api.post("/doctor", {}),
    "POST replicas/forget": lambda api: api.post("/replicas/forget", {"name": "edge2", "why": WHY}),
    "POST store/refill": lambda api: api.post("/store/refill", {"caches_emptied": True, "why": WHY}),
    "POST tokens": lambda api: api.post("/tokens", {"name": "bo", "role": "viewer"}),
    "DELETE tokens/{id}": lambda api: api.ask("DELETE", f"/tokens/{_token(api)}"),
}
WITHOUT_WHY = {"POST doctor", "POST tokens", "DELETE tokens/{id}"}
"""They ask for no reason."""


def _lines(controller: RunningController, after: int) -> list[Line]:
    async def read(store: Store) -> list[Line]:
        changes = await ListStore(store).changes(after)
        acts = await AuditTrail(store).latest(1000)
        return [(each.op, each.who, each.origin, each.why, each.at) for each in (*changes, *acts)]

    return with_store(controller.config, read)


@pytest.mark.parametrize(
    "route", [route for route in ROUTES if route.method != "GET"], ids=lambda route: f"{route.method} {route.path}"
)
def test_each_route_that_changes_something_is_on_record(controller: RunningController, route: Route) -> None:
    """Whoever adds a route must say how it is tried, or why it changes nothing."""
    if f"{route.method} {route.path}" in CHANGES_NOTHING:
        return
    name = f"{route.method} {route.path.removeprefix('/api/v1/')}"
    if name == "POST replicas/forget":
        with_store(controller.config, _leave_a_killed_process)
    if "feedback" in name:
        with_store(controller.config, _list_for_ncmec)
        ask_until(lambda: controller.api.get("/entries?tag=ncmec"), lambda found: found["entries"])
    if "suspended" in name:
        _entry(controller.api)
        suspended = Entry("a", Signal("md5", "1" * 32))
        with_store(controller.config, lambda store: EntryModes(store).suspend(suspended, 13, "edgeward", ""))
    if "held" in name:
        with_store(controller.config, _hold_changes)
    version = with_store(controller.config, lambda store: ListStore(store).version())
    before = set(_lines(controller, version))
    began = time.time()
    answer = REQUESTS[name](controller.api)
    assert answer.status < 300, answer.body
    lines = set(_lines(controller, version)) - before
    who = "webhook:gallery" if "webhooks" in name else "local"
    assert {line[1] for line in lines} == {who}
    # What an import lists is noted without the address: its first line has it.
    assert any(line[2] == "127.0.0.1" for line in lines)
    assert any(each in name for each in ("imports", "jobs", "rollback")) or all(line[2] for line in lines)
    assert all(began - 60 < line[4] < time.time() + 60 for line in lines)
    assert name in WITHOUT_WHY or any(WHY in line[3] for line in lines)


def test_a_dry_run_and_a_refused_request_are_no_acts(controller: RunningController) -> None:
    """Nothing was done."""
    version = with_store(controller.config, lambda store: ListStore(store).version())
    before = _lines(controller, version)
    api = controller.api
    assert _import(api, "dry_run=true").status < 300
    assert api.post("/purges", {"urls": []}).status == 422
    assert api.post("/purges", URLS, dry_run="true").json["dry_run"]
    assert api.post("/takedowns", URLS, dry_run="true").json["dry_run"]
    assert api.post("/lists/a/removals", {"hashes": [MD5], "dry_run": True}).json["dry_run"]
    assert api.ask("DELETE", "/tokens/0123456789abcdef").status == 404
    assert api.post("/tokens", {"name": "local", "role": "viewer"}).status == 409
    assert _lines(controller, version) == before
