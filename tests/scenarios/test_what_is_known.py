"""What a listing, a takedown and a purge say that real caches did: never more than is known."""

import time
from pathlib import Path

import pytest
from tests.scenarios.told_caches import HOST, Cold, PlainVarnish, running_with, section, store
from tests.support.controllers import ask_until, photo
from tests.support.programs import free_port

from edgeward.demo.caches import CacheServer, Nginx, Squid, TrafficServer, Varnish

SELF_HOSTED = (Varnish, Nginx, Squid, TrafficServer)


@pytest.mark.parametrize("kind", SELF_HOSTED)
def test_a_copy_that_was_there_and_one_that_was_not(
    kind: type[CacheServer], redis_url: str, tmp_path: Path, cold: Cold, capsys: pytest.CaptureFixture[str]
) -> None:
    """A takedown of a cached image says that a copy was removed. One of a URL that nobody ever requested says that it
    matched nothing, with status 1."""
    cache = cold(kind)
    cache.start()
    body = photo("chelsea")
    with running_with(redis_url, tmp_path, capsys, section(cache)) as running:
        store(cache, "/here.jpg")
        running.see("/here.jpg", body)
        status, printed = running.command("takedown", f"http://{HOST}/here.jpg", "--wait")
        assert (status, "gone from every cache" in printed) == (0, True)
        assert "removed" in printed
        status, printed = running.command("takedown", f"http://{HOST}/hree.jpg", "--wait")
        assert status == 1
        assert f"nothing matched http://{HOST}/hree.jpg" in printed
        assert "No cache had a copy" in printed
        assert "gone" not in printed
        states = [each["receipt_state"] for each in running.api.get("/takedowns").json["takedowns"]]
        assert states == ["found_nothing", "gone"]
        status, printed = running.command("purge", f"http://{HOST}/hree.jpg", "--wait")
        assert (status, "nothing matched" in printed) == (1, True)
        # The first URL again: it was seen, and its copy is removed.
        status, printed = running.command("purge", f"http://{HOST}/here.jpg", "--wait")
        assert (status, "found nothing" in printed, "gone" in printed) == (1, True, False)
        (latest, *_) = running.api.get("/purges").json["purges"]
        assert latest["outcomes"][cache.driver]["word"] == "found_nothing"


def test_a_hash_that_no_image_has(redis_url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing was purged, nothing is gone, and the status is 1, waited for or not."""
    nobody = {"name": "edge", "driver": "varnish", "url": f"http://127.0.0.1:{free_port()}"}
    with running_with(redis_url, tmp_path, capsys, nobody) as running:
        for options in ([], ["--wait"]):
            status, printed = running.command("takedown", "--hash", "md5:" + "0" * 32, *options)
            assert status == 1
            assert "nothing matched md5:" in printed
            assert "gone" not in printed


@pytest.mark.parametrize("kind", SELF_HOSTED)
def test_a_refusal_ends_the_wait(
    kind: type[CacheServer], redis_url: str, tmp_path: Path, cold: Cold, capsys: pytest.CaptureFixture[str]
) -> None:
    """The secret is wrong: the answer comes long before the timeout, and says refused, not owed."""
    cache = cold(kind, secret="the right one")
    cache.start()
    with running_with(redis_url, tmp_path, capsys, section(cache, secret="a wrong one")) as running:
        running.see("/a.jpg", photo("chelsea"))
        picture = tmp_path / "a.jpg"
        picture.write_bytes(photo("chelsea"))
        running.api.post("/lists", {"name": "court"})
        began = time.monotonic()
        status, printed = running.command("add", "court", "--image", str(picture), "--wait", "--timeout", "300")
        assert time.monotonic() - began < 150
        assert status == 1
        assert f"{cache.driver} refuses 1 purge (status 403: check the cache's purge rules" in printed
        assert "owes" not in printed
        (purge,) = running.api.get("/purges").json["purges"]
        assert (purge["owed"], purge["outcomes"][cache.driver]["delivery"]) == ([], "refused")
        (entry, *_) = running.api.get("/lists/court/entries").json["entries"]
        receipt = running.api.get(f"/entries/{purge['entry'] or entry['id']}/receipt").json
        assert receipt["state"] == "refused"


def test_a_cache_that_is_away_is_waited_for(redis_url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`purges ID` shows what the order waits for: the last error, and how often it was tried."""
    nobody = {"name": "edge", "driver": "varnish", "url": f"http://127.0.0.1:{free_port()}"}
    with running_with(redis_url, tmp_path, capsys, nobody) as running:
        (order,) = running.api.post("/purges", {"urls": [f"http://{HOST}/a.jpg"]}).json["purges"]
        found = ask_until(lambda: running.api.get(f"/purges/{order['id']}"), lambda purge: purge["outcomes"])
        waiting = found["outcomes"]["edge"]
        assert (waiting["delivery"], found["owed"], waiting["linger_seconds"]) == ("waiting", ["edge"], None)
        assert waiting["attempts"] >= 1
        assert waiting["detail"]
        _, printed = running.command("purges", order["id"])
        assert waiting["detail"] in printed


def test_a_cache_that_does_not_tell_is_neither_verified_nor_gone(
    redis_url: str, tmp_path: Path, cold: Cold, capsys: pytest.CaptureFixture[str]
) -> None:
    """Accepted is the word, for listings, takedowns, receipts and pages. Whether there was a copy is not known."""
    cache = cold(PlainVarnish)
    cache.start()
    picture = tmp_path / "a.jpg"
    picture.write_bytes(photo("chelsea"))
    with running_with(redis_url, tmp_path, capsys, section(cache)) as running:
        running.see("/a.jpg", photo("chelsea"))
        running.api.post("/lists", {"name": "court"})
        status, added = running.command("add", "court", "--image", str(picture), "--wait")
        assert (status, "1 accepted by varnish" in added) == (1, True)
        status, taken = running.command("takedown", f"http://{HOST}/a.jpg", "--wait")
        assert (status, "accepted by varnish" in taken) == (1, True)
        takedown_id = taken.split()[1].rstrip(":")
        _, shown = running.command("receipt", takedown_id)
        running.command("receipt", takedown_id, "--html", str(tmp_path / "page.html"))
        page = (tmp_path / "page.html").read_text().partition("<footer")[0]
        for text in (added, taken, shown):
            assert "varnish does not tell whether there was a copy" in text
            assert "done and verified" not in text
        for text in (added, taken, shown, page):
            assert "gone" not in text.lower().replace(".gone, .verified", "")
        for text in (added, taken):
            assert "accepted, not verified: varnish" in text
        status, typo = running.command("takedown", f"http://{HOST}/typo.jpg", "--wait")
        assert (status, "does not tell whether there was a copy" in typo) == (1, True)


def test_a_prefix_at_a_cache_without_prefixes(
    redis_url: str, tmp_path: Path, cold: Cold, capsys: pytest.CaptureFixture[str]
) -> None:
    """What was seen below it is purged. What was never seen is not known to be gone, which is status 1."""
    cache = cold(Varnish)
    cache.start()
    with running_with(redis_url, tmp_path, capsys, section(cache)) as running:
        for path in ("/u/seen.jpg", "/u/unseen.jpg"):
            store(cache, path)
        running.see("/u/seen.jpg", photo("chelsea"))
        status, printed = running.command("takedown", "--prefix", f"http://{HOST}/u/", "--wait")
        assert status == 1
        assert "not known to be gone: varnish can't carry out 1 purge of this kind" in printed
        assert "gone from every cache" not in printed


def test_a_list_that_blocks_nothing_says_so(
    redis_url: str, tmp_path: Path, cold: Cold, capsys: pytest.CaptureFixture[str]
) -> None:
    """At once when an image is listed, and on its receipt: a list in monitor mode, and an image that an allowlist
    protects."""
    picture = tmp_path / "a.jpg"
    picture.write_bytes(photo("chelsea"))
    cache = cold(Varnish)
    cache.start()
    with running_with(redis_url, tmp_path, capsys, section(cache)) as running:
        running.see("/a.jpg", photo("chelsea"))
        running.api.post("/lists", {"name": "watch", "mode": "monitor"})
        status, printed = running.command("add", "watch", "--image", str(picture), "--wait")
        assert status == 0
        assert "mode monitor" in printed
        assert "nothing is purged for it" in printed
        running.api.post("/lists", {"name": "press", "kind": "allow"})
        running.api.post("/lists", {"name": "court"})
        running.command("add", "press", "--image", str(picture))
        _, printed = running.command("add", "court", "--image", str(picture), "--wait")
        assert "an allowlist protects it, so it is not blocked: press" in printed
        assert "gone" not in printed
        for name in ("watch", "court", "press"):
            (entry, *_) = running.api.get(f"/lists/{name}/entries").json["entries"]
            receipt = running.api.get(f"/entries/{entry['id']}/receipt").json
            assert receipt["state"] == "inactive"
            assert "blocks nothing" in receipt["summary"]["statement"]
