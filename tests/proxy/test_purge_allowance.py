"""How many targets are purged one by one: bounded by host, period and bytes."""

import pytest
from tests.support.real_caches import target

from edgeward.proxy import purge_allowance as module
from edgeward.proxy.purge_allowance import (
    BYTES_PER_HOST,
    ORDERS_PER_CLIENT,
    ORDERS_PER_HOST,
    PERIOD_SECONDS,
    PurgeAllowance,
)
from edgeward.types import Target


def at(host: str, path: str = "/") -> Target:
    return Target("http", host, path)


def test_a_host_has_so_many_in_a_period(monkeypatch: pytest.MonkeyPatch) -> None:
    """Another host has its own; the next period begins anew."""
    allowance = PurgeAllowance()
    assert [allowance.take(at("a")) for _ in range(ORDERS_PER_HOST + 2)] == [True] * ORDERS_PER_HOST + [False] * 2
    assert allowance.take(at("b"))
    assert not allowance.period_ended()
    monkeypatch.setattr(allowance, "_ends_at", 0.0)
    assert allowance.period_ended()
    assert allowance.take(at("a"))


def test_all_hosts_together_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """A client may name as many hosts as it likes: each new one has its purge, as long as all together have some."""
    monkeypatch.setattr(module, "ORDERS", 4)
    allowance = PurgeAllowance()
    assert [allowance.take(at(host)) for host in "abcda"] == [True, True, True, True, False]


def test_bytes_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a host and of all. The first one is taken however long it is."""
    monkeypatch.setattr(module, "BYTES_PER_HOST", 100)
    monkeypatch.setattr(module, "BYTES", 300)
    allowance, long = PurgeAllowance(), "/" + "x" * 80
    assert [allowance.take(at(host, long)) for host in "aabcd"] == [True, False, True, True, False]
    assert PurgeAllowance().take(target("/" + "x" * 500))


def test_one_client_stays_below(monkeypatch: pytest.MonkeyPatch) -> None:
    """At 50 requests a second, whatever host it names or hosts, and with targets as long as most servers take."""
    path = "/" + "x" * 7_000
    for hosts in (["a"], [str(number) for number in range(500)]):
        allowance = PurgeAllowance()
        for number in range(int(50 * PERIOD_SECONDS)):
            assert allowance.take(at(hosts[number % len(hosts)], path))
    assert 50 * PERIOD_SECONDS * len(path) < BYTES_PER_HOST


def test_a_client_leaves_some_to_the_others() -> None:
    """Of its host. Those whose client is not known have no share of their own."""
    allowance = PurgeAllowance()
    taken = [allowance.take(target("/a"), "one") for _ in range(ORDERS_PER_HOST)]
    assert (taken.count(True), taken[ORDERS_PER_CLIENT]) == (ORDERS_PER_CLIENT, False)
    assert allowance.take(target("/a"), "two") and allowance.take(target("/a"))
    assert allowance.take(Target("http", "other.test", "/a"), "one")
    allowance._ends_at = 0.0
    assert allowance.take(target("/a"), "one")
