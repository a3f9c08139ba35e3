"""Which request headers the responses of a host have named in Vary."""

import pytest

from edgeward.proxy import host_vary
from edgeward.proxy.host_vary import HostVary
from edgeward.types import UNKNOWN_VARY


def test_each_host_has_its_own() -> None:
    """What is always recorded is not in question, nor what is ordinary."""
    learnt = HostVary()
    learnt.learn("a.test", ["accept-encoding", "x-token", "user-agent"])
    learnt.learn("a.test", ["x-device"])
    assert set(learnt.names("a.test")) == {"x-token", "x-device"}
    assert not learnt.names("b.test")


def test_nothing_is_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    """What does not fit counts for every host; beyond that no name is known not to be among them."""
    monkeypatch.setattr(host_vary, "MAX_HOSTS", 2)
    monkeypatch.setattr(host_vary, "MAX_NAMES", 3)
    learnt = HostVary()
    for host in ("a.test", "b.test", "c.test"):
        learnt.learn(host, ["x-token"])
    learnt.learn("a.test", [f"x-{number}" for number in range(3)])
    assert set(learnt.names("new.test")) == {"x-token", "x-2"}
    assert "x-0" in learnt.names("a.test")
    learnt.learn("d.test", ["x-3", "x-4"])
    assert UNKNOWN_VARY in learnt.names("new.test")


def test_a_name_that_is_too_long_is_unknown() -> None:
    """It takes no memory."""
    learnt = HostVary()
    learnt.learn("a.test", ["x" * 60_000])
    assert set(learnt.names("a.test")) == {UNKNOWN_VARY}
