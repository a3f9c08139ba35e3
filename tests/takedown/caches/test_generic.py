"""Caches with an HTTP interface that is described in the settings."""

import json

import pytest
from tests.takedown.caches.fakes import below, deliveries, driven, order, said, tagged

from edgeward.types import Delivery

SETTINGS = {"driver": "generic"}


async def test_the_default() -> None:
    """A POST with the URL in the query, percent-encoded."""
    async with driven(SETTINGS, lambda _: said(204)) as (driver, server):
        purged = await driver.purge([order("/a?b=c&d=\xe9")])
    assert deliveries(purged) == [Delivery.DELIVERED]
    (asked,) = server.asked
    assert (asked.method, asked.body) == ("POST", b"")
    assert asked.target == "/purge?url=https%3A%2F%2Fimg.test%2Fa%3Fb%3Dc%26d%3D%25E9"


async def test_templates() -> None:
    """Every word stands for its part: encoded in the path, plain in headers, as JSON in the body."""
    more = {
        "method": "BAN",
        "path": "/x/{host}{path}",
        "headers": {"X-Url": "{url}", "X-Parts": "{scheme} {host} {path}", "X-Key": "k3y"},
        "body": '{"purge": ["{url}"], "nested": {"a": "{unknown}"}}',
    }
    async with driven({**SETTINGS, **more}, lambda _: said(200)) as (driver, server):
        await driver.purge([order('/p"\\?{host}')])
    (asked,) = server.asked
    assert (asked.method, asked.target) == ("BAN", "/x/img.test%2Fp%22%5C%3F%7Bhost%7D")
    assert asked.headers["x-url"] == 'https://img.test/p"\\?{host}'
    assert asked.headers["x-parts"] == 'https img.test /p"\\?{host}'
    assert asked.headers["x-key"] == "k3y"
    body = {"purge": ['https://img.test/p"\\?{host}'], "nested": {"a": "{unknown}"}}
    assert json.loads(asked.body) == body


@pytest.mark.parametrize("path", ["/a\r\nX-Evil: 1", "/a\x00", "/a\n\n{}", '/"}],"purge_everything":true,"x":["'])
async def test_nothing_breaks_out(path: str) -> None:
    """What is purged ends no header, no JSON string and no request."""
    more = {"headers": {"X-Url": "{url}"}, "path": "/p?{path}", "body": '{"urls": ["{url}"]}'}
    async with driven({**SETTINGS, **more}, lambda _: said(200)) as (driver, server):
        await driver.purge([order(path)])
    (asked,) = server.asked
    assert "x-evil" not in asked.headers
    assert list(json.loads(asked.body)) == ["urls"]


@pytest.mark.parametrize(
    ("status", "delivery"),
    [
        (200, Delivery.DELIVERED),
        (404, Delivery.DELIVERED),
        (207, Delivery.REFUSED),
        (302, Delivery.REFUSED),
        (403, Delivery.REFUSED),
        (429, Delivery.WAITING),
        (502, Delivery.WAITING),
    ],
)
async def test_statuses(status: int, delivery: Delivery) -> None:
    """Statuses of the settings say that it is gone, or was never there; the others are as everywhere."""
    async with driven(SETTINGS, lambda _: said(status)) as (driver, _):
        (purged,) = await driver.purge([order()])
    assert (purged.delivery, purged.status) == (delivery, status)
    assert purged.count == (0 if status == 404 else None)


async def test_statuses_of_the_settings() -> None:
    """What is accepted or gone can be told."""
    async with driven({**SETTINGS, "accepted": [207], "gone": [412]}, lambda _: said(207)) as (driver, server):
        assert deliveries(await driver.purge([order()])) == [Delivery.DELIVERED]
        server.answer = lambda _: said(412)
        assert deliveries(await driver.purge([order()])) == [Delivery.DELIVERED]
        server.answer = lambda _: said(404)
        assert deliveries(await driver.purge([order()])) == [Delivery.REFUSED]


@pytest.mark.usefixtures("impatient")
async def test_a_rate_of_its_own() -> None:
    """Requests keep to the settings' rate; without one they are not held."""
    orders = [order(f"/{number}") for number in range(10)]
    async with driven({**SETTINGS, "per_second": 0.001}, lambda _: said(200)) as (driver, server):
        purged = await driver.purge(orders)
    assert (len(server.asked), deliveries(purged).count(Delivery.WAITING)) == (1, 9)
    async with driven(SETTINGS, lambda _: said(200)) as (driver, server):
        assert set(deliveries(await driver.purge(orders))) == {Delivery.DELIVERED}


async def test_a_secret_in_a_header_that_no_header_can_carry() -> None:
    """A header value with a line break is refused without a request and without showing it."""
    async with driven(SETTINGS, lambda _: said(200)) as (driver, server):
        driver.settings = driver.settings.model_copy(update={"headers": {"X-Key": "a\nb-secret"}})
        (purged,) = await driver.purge([order()])
    assert (purged.delivery, server.asked) == (Delivery.REFUSED, [])
    assert "headers" in purged.detail
    assert "b-secret" not in purged.detail


async def test_neither_prefixes_nor_tags() -> None:
    """One request per URL is all that is known of such a cache."""
    async with driven(SETTINGS, lambda _: said(200)) as (driver, server):
        purged = await driver.purge([below("/a/"), tagged("ew-1")])
    assert (deliveries(purged), server.asked) == ([Delivery.DELIVERED] * 2, [])
