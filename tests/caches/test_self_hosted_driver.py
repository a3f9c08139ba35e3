"""What drivers of self-hosted caches share."""

import pytest
from tests.caches.http_server import http_server, path_of, purge, response
from tests.caches.orders import order_for, prefix_order
from tests.support.real_caches import target

from edgeward.caches import CacheDriver, driver_for
from edgeward.caches.raw_http import TargetError
from edgeward.caches.response_parser import HttpResponse
from edgeward.caches.self_hosted_driver import (
    REPEAT_PAUSES_SECONDS,
    repeat_until_gone,
    response_or_outcome,
    some_variant_headers,
    variant_headers,
)
from edgeward.errors import CacheUnavailable
from edgeward.settings.cache_settings import parse_cache
from edgeward.types import Delivery

SELF_HOSTED = ("varnish", "nginx", "nginx-plus", "squid", "trafficserver", "souin")


def self_hosted(kind: str, url: str) -> CacheDriver:
    return driver_for(parse_cache({"name": "edge", "driver": kind, "url": url, "secret": "s" * 20}))


@pytest.mark.parametrize(
    ("reply", "delivery", "pause"),
    [
        (TargetError("no"), Delivery.REFUSED, None),
        (CacheUnavailable("away"), Delivery.WAITING, None),
        (CacheUnavailable("away", 0, 4.0), Delivery.WAITING, 4.0),
        (HttpResponse(429, {"retry-after": "9"}), Delivery.WAITING, 9.0),
        (HttpResponse(503, {}), Delivery.WAITING, None),
        (HttpResponse(501, {}), Delivery.REFUSED, None),
    ],
)
def test_outcomes_that_every_driver_shares(reply: object, delivery: Delivery, pause: float | None) -> None:
    """No response, overload and a server without the method mean the same for every driver."""
    outcome = response_or_outcome(reply)  # type: ignore[arg-type]
    assert not isinstance(outcome, HttpResponse)
    assert (outcome.delivery, outcome.retry_after) == (delivery, pause)


@pytest.mark.parametrize("status", [200, 204, 301, 403, 404, 412])
def test_other_responses_are_left_to_the_driver(status: int) -> None:
    """All other statuses are left to the driver."""
    answer = HttpResponse(status, {})
    assert response_or_outcome(answer) is answer


def test_headers_that_select_no_variant() -> None:
    """Only plain headers are sent: none that frames the message, none of Edgeward's, no invalid names."""
    plain = {"accept": "image/webp", "x-device": "phone"}
    assert dict(variant_headers(target("/p", **plain))) == plain
    odd = {"host": "a", "content-length": "1", "transfer-encoding": "chunked", "edgeward-secret": "s", "a b": "1",
           "a:": "1", "a\r\nb": "1", "": "1"}  # fmt: skip
    assert variant_headers(target("/p", **odd)) == ()


@pytest.mark.usefixtures("short_repeat_pauses")
async def test_repeats_only_what_is_left() -> None:
    """What is gone is not purged again; what stays is given up after a while."""
    asked: list[list[int]] = []

    async def again(left: list[int]) -> list[int]:
        asked.append(left)
        return [1 if number == 2 else 0 for number in left]

    assert await repeat_until_gone([0, 5, 5], lambda count: count > 0, again) == [0, 0, 1]
    assert asked == [[1, 2], *([[2]] * len(REPEAT_PAUSES_SECONDS))]


@pytest.mark.parametrize("kind", SELF_HOSTED)
@pytest.mark.parametrize("status", [400, 414, 431])
@pytest.mark.parametrize("odd", ["/a%zz", "/" + "a" * 9000, "/\xe9", "/../a"])
async def test_a_cache_that_refuses_one_target(kind: str, status: int, odd: str) -> None:
    """It is not misconfigured: it refuses this target, so the settings are not to blame. Nothing is gone, unless the
    cache serves no copy of it either."""

    def respond(head: bytes, _: int) -> bytes:
        is_plain = b"edgeward" in head.split(b"\r\n")[0] or b"Host: edgeward.invalid" in head
        plain = response(504 if b"only-if-cached" in head else 404, "X-Purged: 0", "Edgeward-Variants: std")
        if kind == "souin" and head.startswith(b"PURGE"):
            plain = response(204)
        return plain if is_plain else response(status)

    async with http_server(respond) as (url, _):
        purged = await purge(self_hosted(kind, url), target(odd))
    is_probed = kind in ("squid", "trafficserver")
    assert (purged.delivery, purged.status) == (Delivery.VERIFIED if is_probed else Delivery.UNSUPPORTED, status)
    assert "secret" not in purged.detail
    assert "this target" in purged.detail


@pytest.mark.parametrize(
    ("path", "delivery"),
    [("/" + "a" * 9000, Delivery.UNSUPPORTED), ("/\xe9/", Delivery.UNSUPPORTED), ("/a/", Delivery.REFUSED)],
)
async def test_a_cache_that_refuses_one_prefix(path: str, delivery: Delivery) -> None:
    """An odd prefix is refused as its targets are: the settings are not to blame."""
    async with http_server(lambda head, _: response(400)) as (url, _):
        driver = driver_for(parse_cache({"name": "v", "driver": "varnish", "url": url, "bans": True}))
        (purged,) = await driver.purge([prefix_order(path)])
        await driver.close()
    assert purged.delivery is delivery


@pytest.mark.parametrize("kind", SELF_HOSTED)
async def test_a_cache_that_refuses_every_target(kind: str) -> None:
    """A cache that answers 400 to everything is misconfigured, and the outcome says where to look. An odd target is no
    other one: that no copy of it is left is not known."""
    async with http_server(lambda head, _: response(400)) as (url, _):
        purged, odd = [await purge(self_hosted(kind, url), target(path)) for path in ("/a", "/\xe9")]
    assert (purged.delivery, purged.status) == (Delivery.REFUSED, 400)
    assert "purge rules" in purged.detail
    assert odd.delivery in (Delivery.REFUSED, Delivery.UNSUPPORTED)


@pytest.mark.usefixtures("short_repeat_pauses")
@pytest.mark.parametrize("kind", SELF_HOSTED)
@pytest.mark.parametrize("status", [200, 204, 301, 302, 401, 403, 404, 405, 410, 501])
async def test_a_web_server_in_place_of_the_cache_purges_nothing(kind: str, status: int) -> None:
    """Whatever it answers to everything, it is no yes, and no copy counts as removed, of a target with Vary neither.
    Where it looks like a yes, the outcome names the server. What nginx Plus and Souin answer has no mark of theirs: at
    most it is accepted."""
    async with http_server(lambda head, _: response(status, "Server: Elsewhere/1.0", "Age: 7")) as (url, _):
        purged, varying = [
            await purge(self_hosted(kind, url), each) for each in (target("/a"), target("/a", accept="x"))
        ]
    for each in (purged, varying):
        assert (each.delivery in (Delivery.REFUSED, Delivery.WAITING), each.count) == (True, None), each
    if status in (200, 404) and kind not in ("souin", "nginx-plus"):
        named = "'Elsewhere/1.0'" in purged.detail
        assert named or (kind == "varnish" and status == 404) or (kind == "nginx" and status == 200), purged.detail


@pytest.mark.parametrize(
    ("headers", "delivery"),
    [
        (("X-Varnish: 5", "Server: Varnish"), Delivery.DELIVERED),
        (("X-Varnish: 5",), Delivery.DELIVERED),
        (("X-Varnish: 5", "Age: 0", "Via: 1.1 cache (Varnish/7.1)"), Delivery.REFUSED),
        (("X-Varnish: 5", "Server: Apache"), Delivery.REFUSED),
        (("Server: Varnish",), Delivery.REFUSED),
    ],
)
async def test_a_yes_of_varnish_is_made_by_varnish(headers: tuple[str, ...], delivery: Delivery) -> None:
    """A PURGE that Varnish passes on is answered by the origin: that has an Age, or the name of another server."""
    async with http_server(lambda head, _: response(200, *headers)) as (url, _):
        purged = await purge(self_hosted("varnish", url), target("/a"))
    assert purged.delivery is delivery


@pytest.mark.parametrize("kind", SELF_HOSTED)
async def test_a_purge_that_is_longer_than_the_cache_accepts(kind: str) -> None:
    """It closes the connection, while it answers short ones: the purge is refused, and not tried for ever."""
    async with http_server(lambda head, _: None if len(head) > 20_000 else response(404, "X-Purged: 0")) as (url, _):
        purged = await purge(self_hosted(kind, url), target("/" + "a" * 20_000))
    assert (purged.delivery, purged.status) == (Delivery.REFUSED, 0)
    assert "longer than it accepts" in purged.detail


@pytest.mark.parametrize("kind", SELF_HOSTED)
async def test_a_cache_that_closes_every_connection(kind: str) -> None:
    """It is ending, or not a cache: the order waits, however long its target is."""
    async with http_server(lambda head, _: None) as (url, _):
        purged = await purge(self_hosted(kind, url), target("/" + "a" * 20_000))
    assert purged.delivery is Delivery.WAITING


@pytest.mark.parametrize("closes", ["the first connection", "no connection"])
@pytest.mark.parametrize("kind", ["varnish", "nginx"])
async def test_a_purge_whose_answer_was_lost(kind: str, closes: str) -> None:
    """The cache had a purge and closed its connection: what a second one finds is not all that there was."""
    answered = response(404, "X-Purged: 0", "X-Varnish: 1", "Edgeward-Variants: std")
    closed: list[bytes] = []

    def respond(head: bytes, number: int) -> bytes | None:
        if number and closes == "the first connection" and not closed:
            closed.append(head)
            return None
        return answered

    async with http_server(respond) as (url, _):
        driver = self_hosted(kind, url)
        purged = [each for _ in range(2) for each in await driver.purge([order_for(target("/p"))])]
        await driver.close()
    assert {each.delivery for each in purged} == {Delivery.VERIFIED}
    assert any(each.unanswered for each in purged) is bool(closed) is (closes == "the first connection")


@pytest.mark.parametrize("kind", ["squid", "trafficserver"])
async def test_a_target_that_is_served_and_cannot_be_purged(kind: str) -> None:
    """A PURGE is longer than a GET: where only the GET is accepted, nothing says that the copy is gone."""

    def respond(head: bytes, _: int) -> bytes:
        return response(400) if head.startswith(b"PURGE") and len(path_of(head)) > 5000 else response(200)

    async with http_server(respond) as (url, _):
        purged = await purge(self_hosted(kind, url), target("/" + "a" * 6000))
    assert (purged.delivery, purged.status) == (Delivery.REFUSED, 400)
    assert "accepts a GET" in purged.detail


def test_variant_headers_that_would_be_too_long() -> None:
    """A purge of all variants leaves them out where they are long: it must fit, and removes as much without them."""
    short, long = target("/p", accept="a" * 9000), target("/" + "p" * 9000, accept="a" * 9000)
    assert some_variant_headers(short) == variant_headers(short)
    assert some_variant_headers(long) == ()
    assert variant_headers(long) == (("accept", "a" * 9000),)
