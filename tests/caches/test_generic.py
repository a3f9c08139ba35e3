"""Caches with an HTTP interface that is described in the settings."""

import json

import pytest
from tests.caches.cdn_server import cdn_driver, deliveries, response
from tests.caches.orders import https_order, prefix_order, tag_order

from edgeward.types import Delivery

SETTINGS = {"driver": "generic"}


async def test_the_default() -> None:
    """A POST with the URL in the query, percent-encoded."""
    async with cdn_driver(SETTINGS, lambda _: response(204)) as (driver, server):
        purged = await driver.purge([https_order("/a?b=c&d=\xe9")])
    assert deliveries(purged) == [Delivery.DELIVERED]
    (request,) = server.requests
    assert (request.method, request.body) == ("POST", b"")
    assert request.target == "/purge?url=https%3A%2F%2Fimg.test%2Fa%3Fb%3Dc%26d%3D%25E9"


async def test_templates() -> None:
    """Every placeholder is replaced: encoded in the path, unchanged in headers, as JSON in the body."""
    more = {
        "method": "BAN",
        "path": "/x/{host}{path}",
        "headers": {"X-Url": "{url}", "X-Parts": "{scheme} {host} {path}", "X-Key": "k3y"},
        "body": '{"purge": ["{url}"], "nested": {"a": "{unknown}"}}',
    }
    async with cdn_driver({**SETTINGS, **more}, lambda _: response(200)) as (driver, server):
        await driver.purge([https_order('/p"\\?{host}')])
    (request,) = server.requests
    assert (request.method, request.target) == ("BAN", "/x/img.test%2Fp%22%5C%3F%7Bhost%7D")
    assert request.headers["x-url"] == 'https://img.test/p"\\?{host}'
    assert request.headers["x-parts"] == 'https img.test /p"\\?{host}'
    assert request.headers["x-key"] == "k3y"
    body = {"purge": ['https://img.test/p"\\?{host}'], "nested": {"a": "{unknown}"}}
    assert json.loads(request.body) == body


@pytest.mark.parametrize("path", ["/a\r\nX-Evil: 1", "/a\x00", "/a\n\n{}", '/"}],"purge_everything":true,"x":["'])
async def test_nothing_breaks_out(path: str) -> None:
    """No target can end a header, a JSON string or the request."""
    more = {"headers": {"X-Url": "{url}"}, "path": "/p?{path}", "body": '{"urls": ["{url}"]}'}
    async with cdn_driver({**SETTINGS, **more}, lambda _: response(200)) as (driver, server):
        await driver.purge([https_order(path)])
    (request,) = server.requests
    assert "x-evil" not in request.headers
    assert list(json.loads(request.body)) == ["urls"]


@pytest.mark.parametrize(
    ("status", "delivery"),
    [
        (200, Delivery.DELIVERED),
        (204, Delivery.DELIVERED),
        (404, Delivery.REFUSED),
        (410, Delivery.REFUSED),
        (207, Delivery.REFUSED),
        (302, Delivery.REFUSED),
        (403, Delivery.REFUSED),
        (405, Delivery.REFUSED),
        (501, Delivery.REFUSED),
        (429, Delivery.WAITING),
        (502, Delivery.WAITING),
    ],
)
async def test_statuses(status: int, delivery: Delivery) -> None:
    """The statuses in `accepted` are successes; all others mean what they mean for other CDNs: a 404 is that of a wrong
    path, and the outcome names the setting."""
    async with cdn_driver(SETTINGS, lambda _: response(status)) as (driver, _):
        (purged,) = await driver.purge([https_order()])
    assert (purged.delivery, purged.status) == (delivery, status)
    assert purged.count is None
    if status in (404, 410):
        assert "path" in purged.detail
        assert "gone" in purged.detail


async def test_statuses_of_the_settings() -> None:
    """The settings can name other statuses for accepted and gone."""
    async with cdn_driver({**SETTINGS, "accepted": [207], "gone": [412]}, lambda _: response(207)) as (driver, server):
        assert deliveries(await driver.purge([https_order()])) == [Delivery.DELIVERED]
        server.respond = lambda _: response(412)
        assert deliveries(await driver.purge([https_order()])) == [Delivery.DELIVERED]
        server.respond = lambda _: response(404)
        assert deliveries(await driver.purge([https_order()])) == [Delivery.REFUSED]


@pytest.mark.usefixtures("no_rate_limit_wait")
async def test_a_rate_of_its_own() -> None:
    """Requests keep to the rate of the settings; without one they are not limited."""
    orders = [https_order(f"/{number}") for number in range(10)]
    async with cdn_driver({**SETTINGS, "per_second": 0.001}, lambda _: response(200)) as (driver, server):
        purged = await driver.purge(orders)
    assert (len(server.requests), deliveries(purged).count(Delivery.WAITING)) == (1, 9)
    async with cdn_driver(SETTINGS, lambda _: response(200)) as (driver, server):
        assert set(deliveries(await driver.purge(orders))) == {Delivery.DELIVERED}


async def test_a_secret_in_a_header_that_no_header_can_carry() -> None:
    """A header value with a line break is refused without a request and without showing it."""
    async with cdn_driver(SETTINGS, lambda _: response(200)) as (driver, server):
        driver.settings = driver.settings.model_copy(update={"headers": {"X-Key": "a\nb-secret"}})
        (purged,) = await driver.purge([https_order()])
    assert (purged.delivery, server.requests) == (Delivery.REFUSED, [])
    assert "headers" in purged.detail
    assert "b-secret" not in purged.detail


async def test_neither_prefixes_nor_tags() -> None:
    """Such a cache is only purged by URL."""
    async with cdn_driver(SETTINGS, lambda _: response(200)) as (driver, server):
        purged = await driver.purge([prefix_order("/a/"), tag_order("ew-1")])
    assert (deliveries(purged), server.requests) == ([Delivery.UNSUPPORTED] * 2, [])


@pytest.mark.parametrize("page", [b"<html>Welcome</html>", b"\r\n <!DOCTYPE html><p>", b"404, politely"])
async def test_a_web_page_is_no_answer(page: bytes) -> None:
    """A page with an accepted status comes from a server that may not purge, unless the settings accept pages."""
    reply = response(200, page)  # as text/html
    async with cdn_driver(SETTINGS, lambda _: reply) as (driver, _):
        (purged,) = await driver.purge([https_order()])
    assert purged.delivery is Delivery.REFUSED
    assert "accept_html" in purged.detail
    async with cdn_driver({**SETTINGS, "accept_html": True}, lambda _: reply) as (driver, _):
        assert deliveries(await driver.purge([https_order()])) == [Delivery.DELIVERED]
    # What is not a page is an answer, whatever it is.
    async with cdn_driver(SETTINGS, lambda _: response(200, {"purged": 1})) as (driver, _):
        assert deliveries(await driver.purge([https_order()])) == [Delivery.DELIVERED]
