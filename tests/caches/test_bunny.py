"""bunny.net's purge API."""

from dataclasses import replace
from urllib.parse import parse_qs, urlsplit

import pytest
from tests.caches.cdn_server import cdn_driver, deliveries, response
from tests.caches.orders import https_order, prefix_order, tag_order

from edgeward.caches.bunny import WILDCARD_RATE, Bunny
from edgeward.types import Delivery

SETTINGS = {"driver": "bunny", "token": "bunny-t0k", "pull_zone": 42, "tags": True}


async def test_exact_urls() -> None:
    """A URL is sent in the query, encoded once more, as an exact path."""
    paths = ["/a?b=c&d", "/dir/", "/\xe9"]
    async with cdn_driver(SETTINGS, lambda _: response(200)) as (driver, server):
        purged = await driver.purge([*(https_order(path) for path in paths), https_order("/dir/")])
    assert set(deliveries(purged)) == {Delivery.DELIVERED}
    assert {(request.method, urlsplit(request.target).path) for request in server.requests} == {("POST", "/purge")}
    queries = [parse_qs(urlsplit(request.target).query) for request in server.requests]
    urls = ["https://img.test/%E9", "https://img.test/a?b=c&d", "https://img.test/dir/"]
    assert sorted(query["url"][0] for query in queries) == urls
    assert all((query["async"], query["exactPath"]) == (["false"], ["true"]) for query in queries)
    assert {request.headers["accesskey"] for request in server.requests} == {"bunny-t0k"}


async def test_a_star_is_sent_as_it_was_seen() -> None:
    """`%2A` is another URL. The wildcard that a `*` is stands for itself too."""
    async with cdn_driver(SETTINGS, lambda _: response(200)) as (driver, server):
        await driver.purge([https_order("/a*b?*"), https_order("/a%2Ab")])
    queries = [parse_qs(urlsplit(request.target).query) for request in server.requests]
    sent = {(query["url"][0], query["exactPath"][0]) for query in queries}
    assert sent == {("https://img.test/a*b?*", "false"), ("https://img.test/a%2Ab", "true")}


async def test_prefixes() -> None:
    """A prefix is one URL with a trailing wildcard."""
    async with cdn_driver(SETTINGS, lambda _: response(204)) as (driver, server):
        purged = await driver.purge([prefix_order("/a/")])
    assert deliveries(purged) == [Delivery.DELIVERED]
    query = parse_qs(urlsplit(server.requests[0].target).query)
    assert (query["url"], query["exactPath"]) == (["https://img.test/a/*"], ["false"])


async def test_tags() -> None:
    """Each tag is a call to the pull zone, once."""
    async with cdn_driver(SETTINGS, lambda _: response(204)) as (driver, server):
        await driver.purge([tag_order("ew-1"), tag_order("ew-2"), tag_order("ew-1")])
        assert [request.target for request in server.requests] == ["/pullzone/42/purgeCache"] * 2
        assert [request.json for request in server.requests] == [{"CacheTag": "ew-1"}, {"CacheTag": "ew-2"}]


@pytest.mark.parametrize(
    ("reply", "delivery"),
    [
        (response(401, {"Message": "Authorization has been denied for this request."}), Delivery.REFUSED),
        (response(404, {"Message": "The requested hostname was not found"}), Delivery.REFUSED),
        (response(429, b"", Retry_After="2"), Delivery.WAITING),
        (response(200, b"<html>login</html>"), Delivery.WAITING),
        (
            response(200, {"HttpCode": 401, "Message": "Authorization has been denied for this request."}),
            Delivery.REFUSED,
        ),
        (response(200, {"error": "x", "Message": "The requested hostname was not found"}), Delivery.REFUSED),
        (response(500), Delivery.WAITING),
    ],
)
async def test_other_responses(reply: bytes, delivery: Delivery) -> None:
    """Only an empty 200 or 204 is accepted; outcomes quote bunny.net's message, but not the key."""
    async with cdn_driver(SETTINGS, lambda _: reply) as (driver, _):
        (purged,) = await driver.purge([https_order()])
    assert purged.delivery is delivery
    if delivery is Delivery.REFUSED:
        assert purged.detail.endswith(("has been denied for this request.", "hostname was not found"))
    assert "bunny-t0k" not in purged.detail


@pytest.mark.usefixtures("no_rate_limit_wait")
async def test_exact_and_wildcard_purges_have_separate_rate_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Twenty purges by prefix or tag at once, and no more; exact ones go on."""
    monkeypatch.setattr(Bunny, "rates", dict.fromkeys(Bunny.rates, replace(WILDCARD_RATE, per_second=0.001)))
    async with cdn_driver(SETTINGS, lambda _: response(200)) as (driver, server):
        purged = await driver.purge([*(prefix_order(f"/{number}/") for number in range(24)), https_order()])
    assert deliveries(purged).count(Delivery.WAITING) == 4
    assert purged[-1].delivery is Delivery.DELIVERED
    assert len(server.requests) == 21
