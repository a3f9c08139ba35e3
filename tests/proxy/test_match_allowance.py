"""How many targets of listed images are purged one by one."""

from dataclasses import replace

import pytest
from tests.purging.scripted import Clock
from tests.support.real_caches import target

from edgeward.proxy import match_allowance as module
from edgeward.proxy.match_allowance import BYTES_PER_SOURCE, ORDERS, ORDERS_PER_SOURCE, PERIOD_SECONDS, MatchAllowance
from edgeward.types import Target


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(module, "time", made)
    return made


def at_host(number: int) -> Target:
    return replace(target("/x"), host=f"{number}.test")


def taken(allowance: MatchAllowance, targets: list[Target], sha256: str = "ab") -> int:
    return sum(allowance.take(each, sha256) for each in targets)


def test_each_host_and_each_image_has_its_share(clock: Clock) -> None:
    """Neither many targets of one host nor one image at many hosts take what others need; the next period is new."""
    allowance = MatchAllowance()
    same_host = [target(f"/{number}") for number in range(2 * ORDERS_PER_SOURCE)]
    assert taken(allowance, same_host) == ORDERS_PER_SOURCE
    assert taken(allowance, same_host, "cd") == 0
    assert taken(allowance, [at_host(0)]) == 0
    assert taken(allowance, [at_host(number) for number in range(2 * ORDERS_PER_SOURCE)], "cd") == ORDERS_PER_SOURCE
    clock.now += PERIOD_SECONDS
    assert taken(allowance, same_host) == ORDERS_PER_SOURCE


def test_all_have_a_bound(clock: Clock) -> None:
    """However many hosts and images are requested."""
    allowance = MatchAllowance()
    assert sum(allowance.take(at_host(number), str(number)) for number in range(2 * ORDERS)) == ORDERS


def test_long_targets_take_more(clock: Clock) -> None:
    """Bytes have a bound of their own."""
    allowance = MatchAllowance()
    long = [target(f"/{number}?" + "x" * 30_000) for number in range(ORDERS_PER_SOURCE)]
    assert taken(allowance, long) == BYTES_PER_SOURCE // long[0].length
    assert taken(allowance, [at_host(0)], "cd") == 1
