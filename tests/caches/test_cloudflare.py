"""Cloudflare's purge API."""

from dataclasses import replace

import pytest
from tests.caches.cdn_server import ApiRequest, cdn_driver, deliveries, response
from tests.caches.orders import https_order, prefix_order, tag_order

from edgeward.types import UNKNOWN_KEY_HEADERS, Delivery

ZONE = "0123456789abcdef" * 2
SETTINGS = {"driver": "cloudflare", "zone": ZONE, "token": "t0k", "tags": True}
OK = response(200, {"success": True, "errors": [], "messages": [], "result": {"id": ZONE}})


async def test_files() -> None:
    """A URL is sent with both schemes, percent-encoded where it is not ASCII, with the documented headers."""
    async with cdn_driver(SETTINGS, lambda _: OK) as (driver, server):
        purged = await driver.purge([https_order("/a%2f?b=\xe9"), https_order("/a%2f?b=\xe9", scheme="http")])
    assert deliveries(purged) == [Delivery.DELIVERED] * 2
    (request,) = server.requests
    assert (request.method, request.target) == ("POST", f"/zones/{ZONE}/purge_cache")
    assert request.headers["authorization"] == "Bearer t0k"
    assert request.json == {"files": ["http://img.test/a%2f?b=%E9", "https://img.test/a%2f?b=%E9"]}


async def test_files_with_headers_of_the_key() -> None:
    """Headers that can be part of a cache key are sent with the URL, others are not; the plain URL is sent too, and
    that with Origin alone, which is part of every key."""
    one = https_order("/p", origin="https://shop.test", accept_language="de", cookie="secret", accept="*/*")
    async with cdn_driver(SETTINGS, lambda _: OK) as (driver, server):
        await driver.purge([one])
    headers = {"origin": "https://shop.test", "accept-language": "de"}
    urls = ["http://img.test/p", "https://img.test/p"]
    keys = [headers, {"origin": "https://shop.test"}]
    keyed = [{"url": url, "headers": key} for key in keys for url in urls]
    assert server.requests[0].json == {"files": [*urls, *keyed]}


async def test_a_hundred_operations_a_request() -> None:
    """No request holds more than a hundred URLs."""
    async with cdn_driver(SETTINGS, lambda _: OK) as (driver, server):
        await driver.purge([https_order(f"/{number}") for number in range(120)])
    sizes = [len(request.json["files"]) for request in server.requests]
    assert sum(sizes) == 240
    assert max(sizes) <= 100


async def test_prefixes_have_neither_scheme_nor_query() -> None:
    """A prefix is host and path."""
    async with cdn_driver(SETTINGS, lambda _: OK) as (driver, server):
        await driver.purge([prefix_order("/a b/?x=1"), prefix_order("/", "other.test")])
    assert server.requests[0].json == {"prefixes": ["img.test/a%20b/", "other.test/"]}


async def test_tags() -> None:
    """Tags are sent in one call, each once."""
    async with cdn_driver(SETTINGS, lambda _: OK) as (driver, server):
        await driver.purge([tag_order("ew-1"), tag_order("ew-2"), tag_order("ew-1")])
    assert [request.json for request in server.requests] == [{"tags": ["ew-1", "ew-2"]}]


@pytest.mark.usefixtures("no_rate_limit_wait")
async def test_tags_have_a_lower_rate_limit_than_files() -> None:
    """When the requests for tags are used up, files are still purged."""
    async with cdn_driver(SETTINGS, lambda _: OK) as (driver, server):
        for number in range(25):
            await driver.purge([tag_order(f"ew-{number}")])
        purged = await driver.purge([tag_order("ew-late"), https_order()])
    assert deliveries(purged) == [Delivery.WAITING, Delivery.DELIVERED]
    assert len(server.requests) == 26


async def test_a_target_with_too_many_keys_is_purged_by_its_path() -> None:
    """Its files and all that begins with the path: that is whatever key a copy has. A refusal of either is one."""
    unknown = replace(
        https_order("/p?x=1"), target=replace(https_order("/p?x=1").target, key_headers=UNKNOWN_KEY_HEADERS)
    )

    def refuse_prefixes(request: ApiRequest) -> bytes:
        no = response(400, {"success": False, "errors": [{"message": "because"}]})
        return no if "prefixes" in request.json else OK

    async with cdn_driver(SETTINGS, lambda _: OK) as (driver, server):
        purged = await driver.purge([https_order("/q"), unknown])
        assert deliveries(purged) == [Delivery.DELIVERED] * 2
        assert server.requests[0].json["files"][-2:] == ["http://img.test/p?x=1", "https://img.test/p?x=1"]
        assert server.requests[1].json == {"prefixes": ["img.test/p"]}
        server.respond = refuse_prefixes
        assert deliveries(await driver.purge([https_order("/q"), unknown])) == [Delivery.DELIVERED, Delivery.REFUSED]
