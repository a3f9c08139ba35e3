"""The processes that hold the lists, through the API."""

from pathlib import Path

from tests.support.controllers import RunningController, settings
from tests.support.edges import with_store

from edgeward.lists.replication.membership import Membership
from edgeward.store.connection import Store


def test_a_silent_process_is_named_until_it_is_forgotten(redis_url: str, tmp_path: Path) -> None:
    """By every change of the lists, by imports, takedowns, receipts, status and doctor; a live one can't be
    forgotten."""
    with RunningController(settings(redis_url, tmp_path)) as running:
        api = running.api
        api.post("/lists", {"name": "a"})
        (own,) = api.get("/replicas").json["replicas"]
        assert own["state"] == "live"
        assert api.post("/replicas/forget", {"name": own["id"]}).status == 409

        async def fall_silent(store: Store) -> None:
            await Membership(store).heartbeat("edge2/proxy/7#a1", 1)
            key, name = store.key("{blocklist}", "replicas"), "edge2/proxy/7#a1"
            fields = (await store.redis.hget(key, name)).decode().split()
            fields[12] = f"{float(fields[12]) - 100:.6f}"
            await store.redis.hset(key, name, " ".join(fields))

        with_store(running.config, fall_silent)
        answer = api.post("/lists/a/entries", {"hashes": ["md5:" + "1" * 32]}).json
        assert (answer["active"], answer["waiting_for"]) == (False, [])
        assert [each["name"] for each in answer["silent"]] == ["edge2/proxy/7#a1"]
        assert answer["silent"][0]["seconds"] >= 100
        receipt = api.get(f"/entries/{answer['entries'][0]['id']}/receipt").json
        assert (receipt["active"], receipt["silent"][0]["name"]) == (False, "edge2/proxy/7#a1")
        assert [each["name"] for each in api.get("/status").json["silent"]] == ["edge2/proxy/7#a1"]
        taken = api.post("/takedowns", {"hashes": ["md5:" + "2" * 32], "list": "a"}).json
        assert (taken["active"], taken["silent"][0]["name"]) == (False, "edge2/proxy/7#a1")
        receipt = api.get(f"/takedowns/{taken['id']}").json
        assert (receipt["active"], receipt["silent"][0]["name"]) == (False, "edge2/proxy/7#a1")
        body = b"md5:" + b"3" * 32
        job = api.ask("POST", "/lists/a/imports", body, content_type="text/plain", wait="verified").json["job"]
        assert (job["active"], job["silent"][0]["name"]) == (False, "edge2/proxy/7#a1")
        found = {each["check"]: each for each in api.post("/doctor", {}).json["findings"] if each["about"] == "lists"}
        assert found["replicas"]["health"] == "fail"
        assert "edge2/proxy/7#a1; it may still serve by older lists" in found["replicas"]["detail"]
        forgotten = api.post("/replicas/forget", {"name": "edge2", "why": "sold"})
        assert (forgotten.status, forgotten.json) == (200, {"forgotten": ["edge2/proxy/7#a1"]})
        assert api.post("/replicas/forget", {"name": "edge2"}).status == 404
        answer = api.post("/lists/a/entries", {"hashes": ["md5:" + "4" * 32]}).json
        assert (answer["active"], answer["silent"]) == (True, [])
