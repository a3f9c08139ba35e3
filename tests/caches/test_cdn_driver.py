"""What all drivers of CDNs share, tested on Cloudflare's."""

import asyncio

import pytest
from tests.caches.cdn_server import ApiRequest, Respond, cdn_driver, deliveries, response
from tests.caches.orders import https_order, tag_order

from edgeward.caches import DRIVERS
from edgeward.caches.base import Purged
from edgeward.caches.batch_search import MAX_EXTRA_CALLS
from edgeward.caches.cdn_driver import CdnDriver
from edgeward.types import Delivery

TOKEN = "cf-secret-token"
SETTINGS = {"driver": "cloudflare", "zone": "0" * 32, "token": TOKEN}
OK = response(200, {"success": True, "errors": [], "result": {"id": "0" * 32}})


async def outcome(answer: Respond, **more: object) -> Purged:
    """The outcome of one order."""
    async with cdn_driver({**SETTINGS, **more}, answer) as (driver, _):
        (purged,) = await driver.purge([https_order()])
    return purged


@pytest.mark.parametrize(
    ("status", "names"),
    [(400, "request"), (401, "token"), (403, "token"), (404, "zone"), (405, "url"), (302, "url"), (307, "url")],
)
async def test_a_refusal_says_what_to_fix(status: int, names: str) -> None:
    """A permanent failure is refused, and names the setting to check and the CDN's own reason."""
    reply = response(status, {"success": False, "errors": [{"message": "because"}]}, Location="http://127.0.0.1:9/")
    purged = await outcome(lambda _: reply)
    assert (purged.delivery, purged.status) == (Delivery.REFUSED, status)
    assert names in purged.detail
    assert "because" in purged.detail


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504, 520])
async def test_overload_waits(status: int) -> None:
    """After 429 and server errors an order waits, as long as the API asked for."""
    purged = await outcome(lambda _: response(status, b"<html>busy", Retry_After="17"))
    assert (purged.delivery, purged.status, purged.retry_after) == (Delivery.WAITING, status, 17.0)
    assert (await outcome(lambda _: response(status))).retry_after is None


@pytest.mark.parametrize(
    "body", [b"", b"<html>Welcome to our hotel</html>", b"[]", b"{}", b"\xff\x00", b'{"ok": true}']
)
async def test_a_200_of_another_server_is_not_accepted(body: bytes) -> None:
    """A 200 from another server proves nothing: the order waits, and its outcome names the setting to check."""
    purged = await outcome(lambda _: response(200, body))
    assert (purged.delivery, purged.status) == (Delivery.WAITING, 200)
    assert "url" in purged.detail


async def test_a_refusal_with_status_200_is_refused() -> None:
    """The API's own success flag decides, not the status."""
    purged = await outcome(lambda _: response(200, {"success": False, "errors": [{"message": "no such thing"}]}))
    assert (purged.delivery, purged.status) == (Delivery.REFUSED, 200)
    assert "no such thing" in purged.detail


@pytest.mark.parametrize("answer", [b"", b"junk\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{"])
async def test_silence_and_garbage_wait(answer: bytes) -> None:
    """Without a response, with garbage or with half a response the order waits, within the timeout."""
    async with asyncio.timeout(60):
        purged = await outcome(lambda _: answer, timeout_ms=200)
    assert purged.delivery is Delivery.WAITING


async def test_a_token_never_shows() -> None:
    """A token that the API repeats does not show in an outcome."""

    def echo(request: ApiRequest) -> bytes:
        return response(403, {"success": False, "errors": [{"message": f"bad {request.headers['authorization']}"}]})

    purged = await outcome(echo)
    assert "bad Bearer ***" in purged.detail
    assert TOKEN not in repr(purged)


async def test_a_token_that_no_header_can_carry() -> None:
    """A token with a line break in it is refused without a request."""
    async with cdn_driver(SETTINGS, lambda _: OK) as (driver, server):
        driver.settings = driver.settings.model_copy(update={"token": "a\r\nX-Evil: b"})
        (purged,) = await driver.purge([https_order()])
    assert (purged.delivery, purged.status, server.requests) == (Delivery.REFUSED, 0, [])
    assert "token" in purged.detail
    assert "Evil" not in purged.detail


def refuse_bad(request: ApiRequest) -> bytes:
    """Refuses a call with a URL that holds "bad"."""
    if any("bad" in url for url in request.json["files"]):
        return response(400, {"success": False, "errors": [{"message": "Invalid URL"}]})
    return OK


async def test_one_bad_url_fails_alone() -> None:
    """A batch that is refused for one URL is halved until only that one fails."""
    orders = [https_order(f"/{number}") for number in range(40)]
    orders[13] = https_order("/bad")
    async with cdn_driver({**SETTINGS, "per_second": 1000}, refuse_bad) as (driver, server):
        purged = await driver.purge(orders)
    assert [number for number, one in enumerate(purged) if one.delivery is Delivery.REFUSED] == [13]
    assert {one.delivery for number, one in enumerate(purged) if number != 13} == {Delivery.DELIVERED}
    assert len(server.requests) <= 13


async def test_halving_is_bounded_and_makes_progress() -> None:
    """When nearly all items are bad, the number of calls is limited; the rest waits, and shrinks with each round."""
    orders = [https_order(f"/bad{number}") for number in range(50)]
    rounds = 0
    async with cdn_driver({**SETTINGS, "per_second": 1000}, refuse_bad) as (driver, server):
        while orders:
            before = len(server.requests)
            purged = await driver.purge(orders)
            assert len(server.requests) - before <= MAX_EXTRA_CALLS + 1
            left = [one for one, result in zip(orders, purged, strict=True) if result.delivery is Delivery.WAITING]
            assert len(left) < len(orders)
            orders, rounds = left, rounds + 1
    assert 2 <= rounds <= 4


async def test_a_wrong_token_is_not_halved() -> None:
    """A batch is not halved after a refusal that concerns the whole call."""
    async with cdn_driver(SETTINGS, lambda _: response(403, {"success": False, "errors": []})) as (driver, server):
        purged = await driver.purge([https_order(f"/{number}") for number in range(40)])
    assert set(deliveries(purged)) == {Delivery.REFUSED}
    assert len(server.requests) == 1


async def test_accepted_orders_stay_accepted() -> None:
    """When a later call of a batch is refused for now, only its orders and those after it wait."""
    answers = iter([OK, response(429, b"", Retry_After="3")])
    async with cdn_driver(SETTINGS, lambda _: next(answers)) as (driver, server):
        purged = await driver.purge([https_order(f"/{number}") for number in range(100)])
    assert deliveries(purged) == [Delivery.DELIVERED] * 50 + [Delivery.WAITING] * 50
    assert len(server.requests) == 2


async def test_an_invalid_host_is_refused_alone() -> None:
    """An order that the API cannot express fails without a call, and the others are sent."""
    async with cdn_driver(SETTINGS, lambda _: OK) as (driver, server):
        purged = await driver.purge([https_order(host="a/../b"), https_order("/\u20ac"), https_order()])
    assert deliveries(purged) == [Delivery.REFUSED, Delivery.REFUSED, Delivery.DELIVERED]
    assert len(server.requests) == 1


@pytest.mark.usefixtures("no_rate_limit_wait")
async def test_the_rate_counts_calls() -> None:
    """No more calls are made than the rate allows; orders that would have to wait long return to the queue."""
    async with cdn_driver({**SETTINGS, "per_second": 0.001}, lambda _: OK) as (driver, server):
        purged = await driver.purge([https_order(f"/{number}") for number in range(250)])
    # Five calls of 100 URLs were wanted; one was there at once.
    assert len(server.requests) == 1
    assert deliveries(purged) == [Delivery.DELIVERED] * 50 + [Delivery.WAITING] * 200
    assert purged[-1].retry_after == pytest.approx(1000)


async def test_tags_are_purged_where_the_settings_say_so() -> None:
    """Without `tags = true` an order by tag sends nothing: the image's targets have orders of their own."""
    async with cdn_driver(SETTINGS, lambda _: OK) as (driver, server):
        (purged,) = await driver.purge([tag_order("ew-1")])
        assert (purged.delivery, server.requests) == (Delivery.UNSUPPORTED, [])
    async with cdn_driver({**SETTINGS, "tags": True}, lambda _: OK) as (driver, server):
        await driver.purge([tag_order("ew-1")])
        assert server.requests[0].json == {"tags": ["ew-1"]}


@pytest.mark.parametrize(
    "driver", [kind for kind in DRIVERS if issubclass(kind, CdnDriver)], ids=lambda kind: kind.name
)
def test_abilities_are_those_of_the_methods(driver: type[CdnDriver]) -> None:
    """A driver declares purges by tag or prefix exactly when it has them."""
    assert driver.abilities.tag == ("_tags" in vars(driver))
    assert driver.abilities.prefix == ("_prefixes" in vars(driver))
    assert not driver.abilities.verifies
    assert not driver.abilities.counts
