"""What drivers of caches of one's own share."""

import pytest
from tests.takedown.conftest import target

from edgeward.errors import CacheUnavailable
from edgeward.takedown.caches.answers import Answer
from edgeward.takedown.caches.local import CONFIRM_SECONDS, confirmed, settled, varying
from edgeward.takedown.caches.wire import TargetError
from edgeward.types import Delivery


@pytest.mark.parametrize(
    ("reply", "delivery", "pause"),
    [
        (TargetError("no"), Delivery.REFUSED, None),
        (CacheUnavailable("away"), Delivery.WAITING, None),
        (CacheUnavailable("away", 0, 4.0), Delivery.WAITING, 4.0),
        (Answer(429, {"retry-after": "9"}), Delivery.WAITING, 9.0),
        (Answer(503, {}), Delivery.WAITING, None),
        (Answer(501, {}), Delivery.REFUSED, None),
    ],
)
def test_what_decides_without_the_driver(reply: object, delivery: Delivery, pause: float | None) -> None:
    """No answer, overload and a server that knows no such method mean the same for every driver."""
    outcome = settled(reply)  # type: ignore[arg-type]
    assert not isinstance(outcome, Answer)
    assert (outcome.delivery, outcome.retry_after) == (delivery, pause)


@pytest.mark.parametrize("status", [200, 204, 301, 403, 404, 412])
def test_other_answers_are_the_drivers(status: int) -> None:
    """All else is for the driver to judge."""
    answer = Answer(status, {})
    assert settled(answer) is answer


def test_names_that_are_no_header_of_a_variant() -> None:
    """Only plain headers go along: none that frames the message, none of ours, none that is no header at all."""
    plain = {"accept": "image/webp", "x-device": "phone"}
    assert dict(varying(target("/p", **plain))) == plain
    odd = {"host": "a", "content-length": "1", "transfer-encoding": "chunked", "edgeward-secret": "s", "a b": "1",
           "a:": "1", "a\r\nb": "1", "": "1"}  # fmt: skip
    assert varying(target("/p", **odd)) == ()


@pytest.mark.usefixtures("quick_confirmation")
async def test_asks_again_only_for_what_is_still_there() -> None:
    """What is gone is not asked for again; what stays ends the asking after a while."""
    asked: list[list[int]] = []

    async def again(left: list[int]) -> list[int]:
        asked.append(left)
        return [1 if number == 2 else 0 for number in left]

    assert await confirmed([0, 5, 5], lambda count: count > 0, again) == [0, 0, 1]
    assert asked == [[1, 2], *([[2]] * len(CONFIRM_SECONDS))]
