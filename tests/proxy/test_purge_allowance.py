"""How many targets are purged one by one: bounded by host and period."""

import pytest

from edgeward.proxy import purge_allowance as module
from edgeward.proxy.purge_allowance import ORDERS_PER_HOST, PurgeAllowance


def test_a_host_has_so_many_in_a_period(monkeypatch: pytest.MonkeyPatch) -> None:
    """Another host has its own; the next period begins anew."""
    allowance = PurgeAllowance()
    assert [allowance.take("a") for _ in range(ORDERS_PER_HOST + 2)] == [True] * ORDERS_PER_HOST + [False] * 2
    assert allowance.take("b")
    assert not allowance.period_ended()
    monkeypatch.setattr(allowance, "_ends_at", 0.0)
    assert allowance.period_ended()
    assert allowance.take("a")


def test_hosts_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """A client may name as many hosts as it likes."""
    monkeypatch.setattr(module, "MAX_HOSTS", 3)
    allowance = PurgeAllowance()
    assert [allowance.take(host) for host in "abcda"] == [True, True, True, False, True]
