"""What all drivers of CDNs share, shown on Cloudflare's."""

import asyncio

import pytest
from tests.takedown.caches.fakes import Answering, Asked, deliveries, driven, order, said, tagged

from edgeward.takedown.caches import DRIVERS
from edgeward.takedown.caches.base import Purged
from edgeward.takedown.caches.vendor import MAX_CALLS, Vendor
from edgeward.types import Delivery

TOKEN = "cf-secret-token"
SETTINGS = {"driver": "cloudflare", "zone": "0" * 32, "token": TOKEN}
OK = said(200, {"success": True, "errors": [], "result": {"id": "0" * 32}})


async def outcome(answer: Answering, **more: object) -> Purged:
    """What one order comes to."""
    async with driven({**SETTINGS, **more}, answer) as (driver, _):
        (purged,) = await driver.purge([order()])
    return purged


@pytest.mark.parametrize(
    ("status", "names"),
    [(400, "request"), (401, "token"), (403, "token"), (404, "zone"), (405, "url"), (302, "url"), (307, "url")],
)
async def test_a_refusal_says_what_to_mend(status: int, names: str) -> None:
    """What will not get better by itself is refused, with the setting to look at and the vendor's own words."""
    reply = said(status, {"success": False, "errors": [{"message": "because"}]}, Location="http://127.0.0.1:9/")
    purged = await outcome(lambda _: reply)
    assert (purged.delivery, purged.status) == (Delivery.REFUSED, status)
    assert names in purged.detail
    assert "because" in purged.detail


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504, 520])
async def test_overload_waits(status: int) -> None:
    """Too many requests and trouble over there wait, for as long as was asked for."""
    purged = await outcome(lambda _: said(status, b"<html>busy", Retry_After="17"))
    assert (purged.delivery, purged.status, purged.retry_after) == (Delivery.WAITING, status, 17.0)
    assert (await outcome(lambda _: said(status))).retry_after is None


@pytest.mark.parametrize(
    "body", [b"", b"<html>Welcome to our hotel</html>", b"[]", b"{}", b"\xff\x00", b'{"ok": true}']
)
async def test_a_yes_of_somebody_else_is_none(body: bytes) -> None:
    """A 200 that is not this API's proves nothing: the order stays owed, and is told where to look."""
    purged = await outcome(lambda _: said(200, body))
    assert (purged.delivery, purged.status) == (Delivery.WAITING, 200)
    assert "url" in purged.detail


async def test_a_no_with_status_200_is_a_no() -> None:
    """The API's own flag counts, not the status."""
    purged = await outcome(lambda _: said(200, {"success": False, "errors": [{"message": "no such thing"}]}))
    assert (purged.delivery, purged.status) == (Delivery.REFUSED, 200)
    assert "no such thing" in purged.detail


@pytest.mark.parametrize("answer", [b"", b"junk\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{"])
async def test_silence_and_garbage_wait(answer: bytes) -> None:
    """No answer, no HTTP and half an answer leave the order owed, within the timeout."""
    async with asyncio.timeout(60):
        purged = await outcome(lambda _: answer, timeout_ms=200)
    assert purged.delivery is Delivery.WAITING


async def test_a_token_never_shows() -> None:
    """An API that sends the token back does not get it into an outcome."""

    def echo(asked: Asked) -> bytes:
        return said(403, {"success": False, "errors": [{"message": f"bad {asked.headers['authorization']}"}]})

    purged = await outcome(echo)
    assert "bad Bearer ***" in purged.detail
    assert TOKEN not in repr(purged)


async def test_a_token_that_no_header_can_carry() -> None:
    """A token with a line break in it is refused without a request."""
    async with driven(SETTINGS, lambda _: OK) as (driver, server):
        driver.settings = driver.settings.model_copy(update={"token": "a\r\nX-Evil: b"})
        (purged,) = await driver.purge([order()])
    assert (purged.delivery, purged.status, server.asked) == (Delivery.REFUSED, 0, [])
    assert "token" in purged.detail
    assert "Evil" not in purged.detail


def bad_ones(asked: Asked) -> bytes:
    """Refuses a call with a URL that holds "bad"."""
    if any("bad" in url for url in asked.json["files"]):
        return said(400, {"success": False, "errors": [{"message": "Invalid URL"}]})
    return OK


async def test_one_bad_url_fails_alone() -> None:
    """A batch that is refused for one URL is halved until that one stands alone."""
    orders = [order(f"/{number}") for number in range(40)]
    orders[13] = order("/bad")
    async with driven({**SETTINGS, "per_second": 1000}, bad_ones) as (driver, server):
        purged = await driver.purge(orders)
    assert [number for number, one in enumerate(purged) if one.delivery is Delivery.REFUSED] == [13]
    assert {one.delivery for number, one in enumerate(purged) if number != 13} == {Delivery.DELIVERED}
    assert len(server.asked) <= 13


async def test_halving_is_bounded_and_gets_on() -> None:
    """When nearly all is bad, a limit of calls holds; what is left waits, and less is left each time."""
    orders = [order(f"/bad{number}") for number in range(50)]
    rounds = 0
    async with driven({**SETTINGS, "per_second": 1000}, bad_ones) as (driver, server):
        while orders:
            before = len(server.asked)
            purged = await driver.purge(orders)
            assert len(server.asked) - before <= MAX_CALLS + 1
            left = [one for one, told in zip(orders, purged, strict=True) if told.delivery is Delivery.WAITING]
            assert len(left) < len(orders)
            orders, rounds = left, rounds + 1
    assert 2 <= rounds <= 4


async def test_a_wrong_token_is_not_halved() -> None:
    """A refusal that is about all of a call is not looked for in its parts."""
    async with driven(SETTINGS, lambda _: said(403, {"success": False, "errors": []})) as (driver, server):
        purged = await driver.purge([order(f"/{number}") for number in range(40)])
    assert set(deliveries(purged)) == {Delivery.REFUSED}
    assert len(server.asked) == 1


async def test_what_was_taken_stays_taken() -> None:
    """When a later call of a batch is turned away, only its orders and those after it wait."""
    answers = iter([OK, said(429, b"", Retry_After="3")])
    async with driven(SETTINGS, lambda _: next(answers)) as (driver, server):
        purged = await driver.purge([order(f"/{number}") for number in range(100)])
    assert deliveries(purged) == [Delivery.DELIVERED] * 50 + [Delivery.WAITING] * 50
    assert len(server.asked) == 2


async def test_a_host_that_is_none_is_refused_alone() -> None:
    """An order that can't be written for the API fails without a call, and the others go out."""
    async with driven(SETTINGS, lambda _: OK) as (driver, server):
        purged = await driver.purge([order(host="a/../b"), order("/\u20ac"), order()])
    assert deliveries(purged) == [Delivery.REFUSED, Delivery.REFUSED, Delivery.DELIVERED]
    assert len(server.asked) == 1


@pytest.mark.usefixtures("impatient")
async def test_the_rate_counts_calls() -> None:
    """No more calls go out than the contract allows; what would have to wait long is owed instead."""
    async with driven({**SETTINGS, "per_second": 0.001}, lambda _: OK) as (driver, server):
        purged = await driver.purge([order(f"/{number}") for number in range(250)])
    # Five calls of 100 URLs were wanted; one was there at once.
    assert len(server.asked) == 1
    assert deliveries(purged) == [Delivery.DELIVERED] * 50 + [Delivery.WAITING] * 200
    assert purged[-1].retry_after == pytest.approx(1000)


async def test_tags_are_purged_where_the_settings_say_so() -> None:
    """Without `tags = true` a tag order asks nothing, since the image's targets have orders of their own."""
    async with driven(SETTINGS, lambda _: OK) as (driver, server):
        (purged,) = await driver.purge([tagged("ew-1")])
        assert (purged.delivery, server.asked) == (Delivery.DELIVERED, [])
    async with driven({**SETTINGS, "tags": True}, lambda _: OK) as (driver, server):
        await driver.purge([tagged("ew-1")])
        assert server.asked[0].json == {"tags": ["ew-1"]}


@pytest.mark.parametrize("driver", [kind for kind in DRIVERS if issubclass(kind, Vendor)], ids=lambda kind: kind.name)
def test_abilities_are_those_of_the_methods(driver: type[Vendor]) -> None:
    """A driver says that it purges tags or prefixes exactly when it does."""
    assert driver.abilities.tag == ("_tagged" in vars(driver))
    assert driver.abilities.prefix == ("_prefixes" in vars(driver))
    assert not driver.abilities.verifies
    assert not driver.abilities.counts
