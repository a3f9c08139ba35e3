"""What each CDN's API answers: its documented yes, and all that is none, in one table for all drivers."""

from collections.abc import Callable, Sequence

import pytest
from tests.caches.cdn_server import ApiRequest, response
from tests.caches.every_driver import driver_and_server
from tests.caches.orders import https_order, tag_order

from edgeward.caches import DRIVERS
from edgeward.caches.base import Purged
from edgeward.caches.cdn_driver import CdnDriver
from edgeward.types import Delivery, PurgeOrder

pytestmark = pytest.mark.usefixtures("short_poll_pauses")

CDNS = sorted(kind.name for kind in DRIVERS if issubclass(kind, CdnDriver) and kind.name != "generic")
INVALIDATION = b"<Invalidation><Id>I2J</Id><Status>Completed</Status></Invalidation>"
YES: dict[str, tuple[int, object]] = {
    "akamai": (201, {"httpStatus": 201, "detail": "Request accepted", "purgeId": "p"}),
    "bunny": (200, b""),
    "cloudflare": (200, {"success": True, "errors": [], "messages": [], "result": {"id": "0" * 32}}),
    "cloudfront": (201, INVALIDATION),
    "fastly": (200, {"status": "ok", "id": "108-1"}),
    "google": (200, {"kind": "compute#operation", "name": "op", "status": "DONE"}),
    "keycdn": (200, {"status": "success", "description": "Cache has been cleared for URL(s)."}),
}
"""The documented yes of each to a purge of one URL."""
NO: tuple[tuple[int, object], ...] = (
    (200, {"error": "unauthorized"}),
    (200, {"success": False}),
    (200, {"success": True, "errors": [{"code": 1, "message": "because"}]}),
    (200, {"HttpCode": 401, "Message": "because"}),
    (200, {"status": "error"}),
    (200, {"httpStatus": 201}),
    (201, {"httpStatus": 500}),
    (202, {"status": "queued"}),
    (202, {"success": True}),
    (202, {"status": "ok"}),
    (202, {"status": "success"}),
    (202, b""),
    (206, b""),
    (200, {"kind": "compute#operation", "name": "op", "status": "DONE", "httpErrorStatusCode": 403}),
    (200, {"kind": "compute#operation", "name": "op", "error": {"errors": [{"code": "X"}]}}),
    (200, {"kind": "compute#operationList"}),
    (201, b"<Invalidation><Id>I2J</Id><Status>Failed</Status></Invalidation>"),
    (200, {"ok": True}),
    (200, [1]),
    (200, b"OK"),
    (200, b"<html>Welcome to our hotel</html>"),
    (403, {"error": "because"}),
    (404, b"<html>because"),
)
"""No yes of any."""


async def outcomes(name: str, answer: tuple[int, object], orders: Sequence[PurgeOrder] = (), **more: object) -> Purged:
    """The outcome of the first order, if the API always answers so. Google's token server grants a token."""
    body = response(*answer)
    return await _outcome(name, lambda _: body, orders or [https_order()], **more)


async def _outcome(
    name: str, respond: Callable[[ApiRequest], bytes], orders: Sequence[PurgeOrder], **more: object
) -> Purged:
    token = response(200, {"access_token": "ya29.token", "expires_in": 3599})

    def answer(request: ApiRequest) -> bytes:
        return token if request.target == "/token" else respond(request)

    async with driver_and_server(name, answer, **more) as (driver, _):
        if isinstance(driver, CdnDriver):
            driver.poll_seconds = 0.1
        return (await driver.purge(orders))[0]


@pytest.mark.parametrize("name", CDNS)
async def test_only_the_documented_yes_is_one(name: str) -> None:
    """Each driver accepts what its API documents, and nothing else: not what another API would say, nor a page."""
    assert (await outcomes(name, YES[name])).delivery is Delivery.DELIVERED
    others = [answer for other, answer in YES.items() if other != name]
    for answer in (*NO, *others):
        purged = await outcomes(name, answer)
        accepted = purged.delivery is Delivery.DELIVERED
        assert not accepted, (name, answer)
        assert purged.detail, (name, answer)


@pytest.mark.parametrize("name", CDNS)
async def test_a_refusal_has_the_words_of_the_answer(name: str) -> None:
    """Also those that the driver has no name for; bounded, and without the credentials."""
    said = {"reason": "zone is frozen", "echo": ["tok/en-4711", "Bearer tok/en-4711"], "more": "x" * 10_000}
    secret = {"token": "tok/en-4711"} if name not in ("akamai", "cloudfront", "google") else {}
    purged = await outcomes(name, (403, said), **secret)
    assert purged.delivery is Delivery.REFUSED
    if name != "cloudfront":  # which answers with XML
        assert "zone is frozen" in purged.detail
    assert len(purged.detail) < 400
    if secret:
        assert "4711" not in purged.detail


@pytest.mark.parametrize("name", [*CDNS, "generic"])
@pytest.mark.parametrize("status", [400, 403, 409])
async def test_too_many_calls_are_no_refusal(name: str, status: int) -> None:
    """Whatever its status: a response that asks to wait, or whose words say that calls are limited, is tried again."""
    waits = await _outcome(name, lambda _: response(status, {"x": 1}, Retry_After="7"), [https_order()])
    assert (waits.delivery, waits.retry_after) == (Delivery.WAITING, 7.0)
    if name != "cloudfront":
        words = "Rate limit exceeded: too many requests"
        said = {
            "message": words, "description": words, "title": words, "errors": [{"message": words}],
        }  # fmt: skip
        said |= {"error": {"message": words}} if name == "google" else {}
        assert (await outcomes(name, (status, said))).delivery is Delivery.WAITING


@pytest.mark.parametrize("whole", [{"error": "unauthorized"}, {"status": "ok"}, {"success": True}, {"HttpCode": 401}])
async def test_a_batch_of_keys_needs_each_of_them_in_the_answer(whole: dict[str, object]) -> None:
    """Fastly's answer to keys names each: none that does not is a yes."""
    purged = await outcomes("fastly", (200, whole), [tag_order("ew-1")], tags=True, token="t0k-t0k")
    assert purged.delivery is Delivery.REFUSED
