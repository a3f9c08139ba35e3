"""Purges through the API, on a real Varnish."""

import asyncio
import time

import pytest
from tests.support.controllers import Answer, Api, ask_until, photo
from tests.support.edges import Edge, with_store
from tests.support.eventually import until

from edgeward.hashing.fingerprint import fingerprint
from edgeward.lists.replication.replica import Replica
from edgeward.sightings.sightings import Sightings
from edgeward.store.connection import Store
from edgeward.types import Sighting, Target


def test_a_url_is_purged_from_the_caches_that_are_up(edge: Edge) -> None:
    """The answer waits for the cache that is down until the timeout, and names it. The other cache holds no copy."""
    url = edge.serve("/by-hand.jpg", photo())
    before, began = time.time(), time.monotonic()
    answer = edge.api.post("/purges", {"urls": [url], "why": "asked to"}, wait="verified", timeout=0.3)
    assert time.monotonic() - began >= 0.3
    assert answer.status == 202
    order_id = answer.json["purges"][0]["id"]
    purge = ask_until(lambda: edge.api.get(f"/purges/{order_id}"), lambda purge: purge["owed"] == ["dead"])
    assert not edge.holds("/by-hand.jpg")
    assert (purge["url"], purge["cause"], purge["why"], purge["by"]) == (url, "manual", "asked to", "local")
    outcome = purge["outcomes"]["edge"]
    assert outcome["delivery"] == "verified"
    assert 0 <= outcome["linger_seconds"] <= time.time() - before


def test_an_order_can_be_looked_up(edge: Edge) -> None:
    """Without waiting the order is acknowledged at once. It can be requested by its id, and is among the latest."""
    asked = edge.api.post("/purges", {"urls": ["http://photos.example/one", "http://photos.example/two"]})
    ids = [purge["id"] for purge in asked.json["purges"]]
    assert edge.api.get(f"/purges/{ids[0]}").json["url"] == "http://photos.example/one"
    assert [purge["id"] for purge in edge.api.get("/purges", limit=2).json["purges"]] == ids[::-1]


def test_a_url_served_a_moment_ago_is_purged_too(edge: Edge) -> None:
    """Workers write the sightings that they hold before the purge is ordered."""
    target = Target("http", "photos.example", "/just.jpg", (("accept", "image/webp"),))
    seen = Sighting(target, fingerprint(photo("grass"), edge.config.hashing), time.time(), 0)

    async def ask(store: Store) -> Answer:
        worker = Replica(store, "worker")
        await worker.start()
        worker.before_report = lambda: Sightings(store, edge.config.sightings).write([seen])
        answer = await asyncio.to_thread(edge.api.post, "/purges", {"urls": [target.url]})
        await worker.close()
        return answer

    purges = with_store(edge.config, ask).json["purges"]
    assert {"accept": "image/webp"} in [purge["vary"] for purge in purges]


def test_every_variant_that_was_seen_is_purged(edge: Edge) -> None:
    """A purge by hand means every variant stored under the URL. They are known from the sightings."""
    body = photo("rocket")
    edge.see("/seen.jpg", body, (("accept", "image/webp"),))
    url = "http://photos.example/seen.jpg"
    purges = edge.api.post("/purges", {"urls": [url, url]}).json["purges"]
    assert [(purge["url"], purge["vary"]) for purge in purges] == [(url, {"accept": "image/webp"}), (url, {})]


@pytest.mark.parametrize("urls", [[], ["/path"], ["http://h/ok", "gopher://h/"], ["http://u@h/"], "http://h/"])
def test_bad_urls_order_nothing(api: Api, urls: object) -> None:
    """If one URL is bad, nothing of the request is ordered."""
    before = api.get("/purges").json
    answer = api.post("/purges", {"urls": urls})
    assert (answer.status, answer.json["key"]) == (422, "urls")
    assert api.get("/purges").json == before


@pytest.mark.parametrize("order_id", ["0-1", "nonsense", "1-1-1"])
def test_an_unknown_order_is_named(api: Api, order_id: str) -> None:
    """An order that does not exist is 404."""
    answer = api.get(f"/purges/{order_id}")
    assert answer.status == 404
    assert order_id in answer.json["detail"]


def test_a_bad_wait_is_refused(api: Api) -> None:
    """Only `verified` can be waited for, and for at most 600 seconds."""
    for query in ({"wait": "yes"}, {"wait": "verified", "timeout": 0}, {"wait": "verified", "timeout": 601}):
        assert api.post("/purges", {"urls": ["http://h/"]}, **query).status == 422


def test_every_form_that_was_seen_is_purged(edge: Edge) -> None:
    """Query strings and other forms of the URL, seen in transit, are purged with it."""
    body = photo("gravel")
    for path in ("/sp.jpg", "/sp.jpg?w=1", "/%73p.jpg"):
        edge.serve(path, body)
        edge.see(path, body)
    edge.api.post("/purges", {"urls": ["http://photos.example/sp.jpg"]})
    until(lambda: not any(edge.holds(path) for path in ("/sp.jpg", "/sp.jpg?w=1", "/%73p.jpg")))


def test_what_a_cache_owes_is_tried_again(edge: Edge) -> None:
    """The answer counts by cache; a name that is not configured is refused, and names those that are."""
    edge.api.post("/purges", {"urls": ["http://photos.example/owed.jpg"]})
    answer = edge.api.post("/purges/retry", {"why": "it is up again"})
    assert answer.status == 202
    assert set(answer.json["caches"]) == {"edge", "dead"}
    assert answer.json["caches"]["dead"]["owed"] >= 1
    assert answer.json["caches"]["dead"]["refused"] == 0
    assert set(edge.api.post("/purges/retry", {"cache": "edge"}).json["caches"]) == {"edge"}
    unknown = edge.api.post("/purges/retry", {"cache": "egde"})
    assert unknown.status == 404
    assert "'egde' (configured: edge, dead)" in unknown.json["detail"]
