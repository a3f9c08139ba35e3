"""The table of routes: roles, documentation, headers."""

import json
import os
import re
import socket
import subprocess
import time
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from tests.support.controllers import Api, RunningController, ask_until, photo
from tests.support.edges import SECRET, with_store

from edgeward.api.routes import ROUTES, Route
from edgeward.api.webhooks import key_of
from edgeward.imports.import_jobs import ImportJob, ImportJobs
from edgeward.imports.source_acts import new_source_act
from edgeward.lists.entry_modes import EntryModes
from edgeward.lists.formats.hash_files import ParsedHash
from edgeward.lists.held_changes import HeldChange, HeldChanges
from edgeward.lists.list_store import ListStore
from edgeward.lists.replication.membership import Membership
from edgeward.operations.guard import Judgement
from edgeward.operations.import_effect import SeenEffect
from edgeward.store.connection import Store
from edgeward.types import Entry, Signal

API_DOC = Path(__file__).parents[2] / "docs" / "api.md"
GUARDED = [route for route in ROUTES if route.role]
ROLES = ["viewer", "operator", "admin"]
ids = [f"{route.method} {route.path}" for route in ROUTES]
OF_NCMEC = Signal("sha1", "4c" * 20)
"""On the list of the examples, from the exchange of the controller."""
guarded_ids = [f"{route.method} {route.path}" for route in GUARDED]


def _ask(api: Api, route: Route) -> int:
    """The status of a harmless request: to names that do not exist, with an invalid body."""
    path = route.path.removeprefix("/api/v1").replace("{name}", "none-such").replace("{id}", "0")
    body = b"{" if route.method in ("POST", "PATCH") else None
    return api.ask(route.method, path, body, content_type="application/json").status


@pytest.mark.parametrize("route", GUARDED, ids=guarded_ids)
def test_each_role_may_use_its_routes_and_no_others(callers: dict[str, Api], route: Route) -> None:
    """401 without a token, 403 with too small a role, neither with a sufficient one."""
    assert route.role is not None
    assert _ask(callers[""], route) == 401
    assert _ask(callers[""].as_("ew_unknown"), route) == 401
    for role in ROLES:
        status = _ask(callers[role], route)
        if ROLES.index(role) < ROLES.index(route.role):
            assert status == 403
        else:
            assert status not in (401, 403, 405, 500)


def test_only_health_metrics_and_webhooks_need_no_token() -> None:
    """A route added without a role must be added here too."""
    open_routes = [route.path for route in ROUTES if not route.role]
    assert open_routes == ["/metrics", "/healthz", "/readyz", "/api/v1/webhooks/{name}/takedowns"]


def test_a_viewer_sees_no_urls_and_no_hashes() -> None:
    """Every route that shows entries, targets or images needs an operator."""
    seen = {(route.method, route.path) for route in ROUTES if route.role == "viewer"}
    assert seen == {("GET", f"/api/v1/{path}") for path in ("status", "lists", "lists/{name}", "replicas")}


def _sections() -> dict[str, str]:
    """The sections of docs/api.md, by route."""
    parts = re.split(r"^### `(\w+ \S+)`$", API_DOC.read_text(), flags=re.MULTILINE)
    return {heading: text.split("\n## ")[0] for heading, text in zip(parts[1::2], parts[2::2], strict=True)}


def _examples(text: str) -> list[str]:
    return re.findall(r"^```sh\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("route", ROUTES, ids=ids)
def test_each_route_is_documented(route: Route) -> None:
    """docs/api.md has a section for every route, with its role and curl examples of it."""
    section = _sections()[f"{route.method} {route.path}"]
    assert f"Role: {route.role or 'none'}." in section
    path = re.sub(r"\\{\w+\\}", r"[^/\\s\"?]+", re.escape(route.path.removeprefix("/api/v1")))
    assert all(re.search(rf'^curl [^`]*{path}["?]', example) for example in _examples(section))
    assert _examples(section)


def test_the_examples_of_the_documentation_work(controller: RunningController, tmp_path: Path) -> None:
    """Every curl command of docs/api.md succeeds, as it is."""
    api = controller.api
    (tmp_path / "photo.jpg").write_bytes(photo("rocket"))
    api.post("/lists", {"name": "trial"})
    environ = {"PATH": os.environ["PATH"], "EDGEWARD": api.url, "API": f"{api.url}/api/v1"}
    environ["AUTH"] = f"Authorization: Bearer {api.token}"
    environ |= {"ID": "msg_1", "NOW": str(int(time.time())), "BODY": '{"urls": ["https://photos.example/a.jpg"]}'}
    environ["KEY"] = key_of(SECRET).hex()
    entries: list[str] = []
    for heading, section in _sections().items():
        if heading == "POST /api/v1/replicas/forget":  # not before: all that wait would wait for it
            with_store(controller.config, _leave_a_killed_process)
        if heading == "DELETE /api/v1/jobs/{id}":
            environ["JOB"] = with_store(controller.config, _begin_an_import)
        if "/held/{id}" in heading:
            environ["HELD"] = with_store(controller.config, _hold_a_change)
        if heading == "GET /api/v1/uploads/{id}":
            upload = _begin_an_upload(api)
            ask_until(lambda: api.get("/uploads/may-2026"), lambda now: now.get("stage") == "receiving")
        if "/suspended/{id}" in heading:
            environ["SUSPENDED"] = _suspend_an_entry(controller)
        if heading.endswith("/entries/{id}/feedback"):
            environ["OF_NCMEC"] = with_store(controller.config, _list_for_ncmec)
            ask_until(lambda: api.get(f"/entries?hash=sha1:{OF_NCMEC.value}"), lambda found: found["entries"])
        for example in _examples(section):
            environ["ENTRY"] = entries.pop() if "$ENTRY" in example and "DELETE" in example else "".join(entries[-1:])
            output = _run(example.replace("curl", "curl -sS --fail-with-body", 1), environ, tmp_path)
            if heading == "POST /api/v1/lists/{name}/entries":
                entries += [entry["id"] for entry in json.loads(output)["entries"]]
                environ["ACT"] = json.loads(output)["act"]
            elif heading.endswith("/imports"):
                environ["JOB"] = json.loads(output)["job"]["id"]
            elif heading == "POST /api/v1/tokens":
                environ["TOKEN"] = json.loads(output)["id"]
            elif heading == "POST /api/v1/takedowns":
                environ["TAKEDOWN"] = json.loads(output)["id"]
            elif heading.endswith("/api/v1/purges"):
                environ["PURGE"] = next((purge["id"] for purge in json.loads(output)["purges"]), "")
    upload.close()


async def _list_for_ncmec(store: Store) -> str:
    """An entry that the exchange of the controller has listed."""
    entry = Entry("removed", OF_NCMEC, "", "source:ncmec", time.time(), new_source_act("removed", "ncmec"), "42-x")
    await ListStore(store).add_entries([entry], "source:ncmec", "", entry.act)
    return entry.id


async def _begin_an_import(store: Store) -> str:
    """One that is cancelled already, so that it can't end before it is cancelled once more."""
    jobs, job = ImportJobs(store), ImportJob("removed", "local", time.time(), 1)
    await ListStore(store).acts.declare(job.id, "removed", "local", "")
    await store.redis.hset(jobs.job_store.record(job.id), "cancelled_by", "local")
    await jobs.create(job, [ParsedHash(Signal("md5", "ab" * 16))])
    return job.id


def _suspend_an_entry(controller: RunningController) -> str:
    """On the list of the examples."""
    entry = Entry("removed", Signal("md5", "5e" * 16))
    controller.api.post("/lists/removed/entries", {"hashes": ["md5:" + "5e" * 16]})
    with_store(controller.config, lambda store: EntryModes(store).suspend(entry, 13, "edgeward", ""))
    return entry.id


async def _hold_a_change(store: Store) -> str:
    """One that another token has asked for."""
    change = HeldChange("removed", {"description": "a trial"}, "ana", time.time())
    await HeldChanges(store).create(change, Judgement(SeenEffect(), ("it is a trial",)).to_json())
    return change.id


def _begin_an_upload(api: Api) -> socket.socket:
    """A connection over which half a file was sent."""
    parts = urlsplit(api.url)
    client = socket.create_connection((parts.hostname or "", parts.port or 0))
    client.sendall(
        f"POST /api/v1/lists/removed/imports?upload=may-2026 HTTP/1.1\r\nHost: {parts.netloc}\r\n"
        f"Authorization: Bearer {api.token}\r\nContent-Length: 1000\r\n\r\nmd5".encode()
    )
    return client


async def _leave_a_killed_process(store: Store) -> None:
    """On a machine named edge2."""
    members = Membership(store)
    await members.heartbeat("edge2/proxy/913#0f9e8d", 0, journal="of-edge2")
    await members.note_ended(["edge2/proxy/913#0f9e8d"])


def _run(command: str, environ: dict[str, str], directory: Path) -> str:
    done = subprocess.run(
        ["bash", "-c", command], env=environ, cwd=directory, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, f"{command}{done.stdout}{done.stderr}"
    return done.stdout


def test_every_documented_route_exists() -> None:
    """docs/api.md and the table have the same routes."""
    assert sorted(_sections()) == sorted(ids)


def test_answers_have_no_version_and_are_not_cached(api: Api) -> None:
    """No server version, and no cache keeps an answer. Errors too."""
    for answer in (api.get("/lists"), api.get("/nothing"), api.as_("").get("/lists")):
        assert answer.headers["Server"] == "edgeward"
        assert answer.headers["Cache-Control"] == "no-store"


def test_a_missing_token_is_challenged(api: Api) -> None:
    """401 says how to authenticate (RFC 9110, section 11.6.1)."""
    assert api.as_("").get("/lists").headers["WWW-Authenticate"] == "Bearer"
