"""What drivers of self-hosted caches share."""

import pytest
from tests.support.real_caches import target

from edgeward.caches.raw_http import TargetError
from edgeward.caches.response_parser import HttpResponse
from edgeward.caches.self_hosted_driver import (
    REPEAT_PAUSES_SECONDS,
    repeat_until_gone,
    response_or_outcome,
    variant_headers,
)
from edgeward.errors import CacheUnavailable
from edgeward.types import Delivery


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
