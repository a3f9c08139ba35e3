"""Which hosts are the machine itself, and which processes share its network."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from edgeward.settings import own_network
from edgeward.settings.own_network import is_local, network_id, place_id

LOCAL = [
    *(
        "127.0.0.1",
        "127.0.1.1",
        "127.1",
        "0x7f.1",
        "2130706433",
        "0.0.0.0",
        "0",
        "::1",
        "[::1]",
        "::",
        "::ffff:127.0.0.1",
    ),
    *("localhost", "LOCALHOST.", "varnish.localhost", "ip6-localhost", "localhost.localdomain"),
]
ELSEWHERE = [
    "10.0.0.5",
    "169.254.1.1",
    "fe80::1",
    "::ffff:10.0.0.5",
    "varnish",
    "localhost.example",
    "127.example",
    "",
    "\0",
]


@pytest.mark.parametrize("host", LOCAL)
def test_a_host_that_is_the_machine_itself(host: str) -> None:
    """In each form that a connection accepts."""
    assert is_local(host)


@pytest.mark.parametrize("host", ELSEWHERE)
def test_a_host_that_may_be_another_machine(host: str) -> None:
    """Names are not resolved."""
    assert not is_local(host)


def other_network_id(*prefix: str) -> str:
    """That of another process."""
    program = "from edgeward.settings.own_network import network_id; print(network_id())"
    return subprocess.run(
        [*prefix, sys.executable, "-c", program], check=True, capture_output=True, text=True, timeout=60
    ).stdout.strip()


def test_processes_of_one_network_agree() -> None:
    """Whichever process asks."""
    assert other_network_id() == network_id()
    assert len(network_id()) == 8


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
def test_another_network_of_the_same_machine() -> None:
    """As that of a container: its loopback addresses lead elsewhere."""
    if subprocess.run(["unshare", "--net", "true"], check=False, capture_output=True).returncode:
        pytest.skip("network namespaces can't be made here")
    assert other_network_id("unshare", "--net") != network_id()


def test_another_machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Its first namespace has the same inode, and its boot another id. Without an id its name stands for it."""
    own = network_id.__wrapped__()
    boot = tmp_path / "boot_id"
    boot.write_text("another")
    monkeypatch.setattr(own_network, "BOOT_ID", boot)
    other = network_id.__wrapped__()
    monkeypatch.setattr(own_network, "BOOT_ID", tmp_path / "none")
    monkeypatch.setattr(own_network, "NETWORK_NAMESPACE", tmp_path / "none")
    assert len({own, other, network_id.__wrapped__()}) == 3


def test_a_place_is_a_directory_not_its_path(tmp_path: Path) -> None:
    """The same for one directory; another for a second one, also under the path of the first, as in two containers."""
    state = tmp_path / "state"
    state.mkdir()
    first = place_id(state)
    assert place_id(state) == first
    assert place_id(tmp_path) != first
    state.rename(tmp_path / "old")
    state.mkdir()
    assert place_id(state) != first
    assert place_id(tmp_path / "missing") != first
