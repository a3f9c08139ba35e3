"""Cloudflare's purge API."""

import pytest
from tests.takedown.caches.fakes import below, deliveries, driven, order, said, tagged

from edgeward.types import Delivery

ZONE = "0123456789abcdef" * 2
SETTINGS = {"driver": "cloudflare", "zone": ZONE, "token": "t0k", "tags": True}
OK = said(200, {"success": True, "errors": [], "messages": [], "result": {"id": ZONE}})


async def test_files() -> None:
    """A URL goes out with both schemes, percent-encoded where it is not ASCII, with the documented headers."""
    async with driven(SETTINGS, lambda _: OK) as (driver, server):
        purged = await driver.purge([order("/a%2f?b=\xe9"), order("/a%2f?b=\xe9", scheme="http")])
    assert deliveries(purged) == [Delivery.DELIVERED] * 2
    (asked,) = server.asked
    assert (asked.method, asked.target) == ("POST", f"/zones/{ZONE}/purge_cache")
    assert asked.headers["authorization"] == "Bearer t0k"
    assert asked.json == {"files": ["http://img.test/a%2f?b=%E9", "https://img.test/a%2f?b=%E9"]}


async def test_files_with_headers_of_the_key() -> None:
    """Headers that can be part of a cache key go with the URL, others don't, and the plain URL goes too."""
    one = order("/p", origin="https://shop.test", accept_language="de", cookie="secret", accept="*/*")
    async with driven(SETTINGS, lambda _: OK) as (driver, server):
        await driver.purge([one])
    headers = {"origin": "https://shop.test", "accept-language": "de"}
    urls = ["http://img.test/p", "https://img.test/p"]
    assert server.asked[0].json == {"files": [*urls, *({"url": url, "headers": headers} for url in urls)]}


async def test_a_hundred_operations_a_request() -> None:
    """No request holds more than a hundred URLs."""
    async with driven(SETTINGS, lambda _: OK) as (driver, server):
        await driver.purge([order(f"/{number}") for number in range(120)])
    sizes = [len(asked.json["files"]) for asked in server.asked]
    assert sum(sizes) == 240
    assert max(sizes) <= 100


async def test_prefixes_have_neither_scheme_nor_query() -> None:
    """A prefix is host and path."""
    async with driven(SETTINGS, lambda _: OK) as (driver, server):
        await driver.purge([below("/a b/?x=1"), below("/", "other.test")])
    assert server.asked[0].json == {"prefixes": ["img.test/a%20b/", "other.test/"]}


async def test_tags() -> None:
    """Tags go together, each once."""
    async with driven(SETTINGS, lambda _: OK) as (driver, server):
        await driver.purge([tagged("ew-1"), tagged("ew-2"), tagged("ew-1")])
    assert [asked.json for asked in server.asked] == [{"tags": ["ew-1", "ew-2"]}]


@pytest.mark.usefixtures("impatient")
async def test_tags_have_a_smaller_bucket_than_files() -> None:
    """When the requests for tags are used up, files are still purged."""
    async with driven(SETTINGS, lambda _: OK) as (driver, server):
        for number in range(25):
            await driver.purge([tagged(f"ew-{number}")])
        purged = await driver.purge([tagged("ew-late"), order()])
    assert deliveries(purged) == [Delivery.WAITING, Delivery.DELIVERED]
    assert len(server.asked) == 26
