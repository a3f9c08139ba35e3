"""bunny.net's purge API."""

from dataclasses import replace
from urllib.parse import parse_qs, urlsplit

import pytest
from tests.takedown.caches.fakes import below, deliveries, driven, order, said, tagged

from edgeward.takedown.caches.bunny import WIDE, Bunny
from edgeward.types import Delivery

SETTINGS = {"driver": "bunny", "token": "bunny-t0k", "pull_zone": 42, "tags": True}


async def test_exact_urls() -> None:
    """A URL goes in the query, encoded once more, as the exact path it is; a literal `*` is no wildcard."""
    paths = ["/a?b=c&d", "/dir/", "/\xe9*"]
    async with driven(SETTINGS, lambda _: said(200)) as (driver, server):
        purged = await driver.purge([*(order(path) for path in paths), order("/dir/")])
    assert set(deliveries(purged)) == {Delivery.DELIVERED}
    assert {(asked.method, urlsplit(asked.target).path) for asked in server.asked} == {("POST", "/purge")}
    queries = [parse_qs(urlsplit(asked.target).query) for asked in server.asked]
    urls = ["https://img.test/%E9%2A", "https://img.test/a?b=c&d", "https://img.test/dir/"]
    assert sorted(query["url"][0] for query in queries) == urls
    assert all((query["async"], query["exactPath"]) == (["false"], ["true"]) for query in queries)
    assert {asked.headers["accesskey"] for asked in server.asked} == {"bunny-t0k"}


async def test_prefixes() -> None:
    """What begins alike is one URL with a wildcard at its end."""
    async with driven(SETTINGS, lambda _: said(204)) as (driver, server):
        purged = await driver.purge([below("/a/")])
    assert deliveries(purged) == [Delivery.DELIVERED]
    query = parse_qs(urlsplit(server.asked[0].target).query)
    assert (query["url"], query["exactPath"]) == (["https://img.test/a/*"], ["false"])


async def test_tags() -> None:
    """Each tag is a call to the pull zone, once."""
    async with driven(SETTINGS, lambda _: said(204)) as (driver, server):
        await driver.purge([tagged("ew-1"), tagged("ew-2"), tagged("ew-1")])
        assert [asked.target for asked in server.asked] == ["/pullzone/42/purgeCache"] * 2
        assert [asked.json for asked in server.asked] == [{"CacheTag": "ew-1"}, {"CacheTag": "ew-2"}]


@pytest.mark.parametrize(
    ("reply", "delivery"),
    [
        (said(401, {"Message": "Authorization has been denied for this request."}), Delivery.REFUSED),
        (said(404, {"Message": "The requested hostname was not found"}), Delivery.REFUSED),
        (said(429, b"", Retry_After="2"), Delivery.WAITING),
        (said(200, b"<html>login</html>"), Delivery.WAITING),
        (said(500), Delivery.WAITING),
    ],
)
async def test_other_answers(reply: bytes, delivery: Delivery) -> None:
    """A yes is a 2xx without a page; the vendor's words are passed on, the key is not."""
    async with driven(SETTINGS, lambda _: reply) as (driver, _):
        (purged,) = await driver.purge([order()])
    assert purged.delivery is delivery
    if delivery is Delivery.REFUSED:
        assert purged.detail.endswith(("has been denied for this request.", "hostname was not found"))
    assert "bunny-t0k" not in purged.detail


@pytest.mark.usefixtures("impatient")
async def test_exact_and_wide_purges_have_buckets_of_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """Twenty wide purges at once, and no more; exact ones go on."""
    monkeypatch.setattr(Bunny, "rates", dict.fromkeys(Bunny.rates, replace(WIDE, per_second=0.001)))
    async with driven(SETTINGS, lambda _: said(200)) as (driver, server):
        purged = await driver.purge([*(below(f"/{number}/") for number in range(24)), order()])
    assert deliveries(purged).count(Delivery.WAITING) == 4
    assert purged[-1].delivery is Delivery.DELIVERED
    assert len(server.asked) == 21
