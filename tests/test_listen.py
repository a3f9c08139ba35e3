"""Listening sockets, opened early and handed down."""

import socket

import pytest

from edgeward.errors import ConfigError
from edgeward.listen import ADMIN_FD, address_of, inherited, listening, shared_sockets


def test_port_zero_takes_a_free_one() -> None:
    """The address says which."""
    with listening("127.0.0.1:0", "admin.listen") as sock:
        assert address_of(sock) != "127.0.0.1:0"
        socket.create_connection(sock.getsockname(), 10).close()


def test_a_port_in_use_names_the_setting() -> None:
    """The error says which setting can't be met, and with what value."""
    with listening("127.0.0.1:0", "admin.listen") as sock, pytest.raises(ConfigError, match=r"proxy\.listen.*in use"):
        listening(address_of(sock), "proxy.listen")


def test_an_address_of_another_machine_names_the_setting() -> None:
    """Also an address that can't be bound here."""
    with pytest.raises(ConfigError, match=r"proxy\.listen"):
        listening("192.0.2.1:0", "proxy.listen")


def test_shared_sockets_are_on_one_port() -> None:
    """Each worker has a socket of its own, all on the same address."""
    sockets = shared_sockets("127.0.0.1:0", "proxy.listen", 3)
    assert len({address_of(sock) for sock in sockets}) == 1
    for sock in sockets:
        sock.close()


def test_shared_sockets_do_not_join_a_stranger() -> None:
    """With SO_REUSEPORT alone a second server would silently get a part of the connections."""
    (first,) = shared_sockets("127.0.0.1:0", "proxy.listen", 1)
    with first, pytest.raises(ConfigError, match="in use"):
        shared_sockets(address_of(first), "proxy.listen", 1)


def test_inherited_only_when_handed_down(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the variable there is no socket; with it, it is the one meant."""
    assert inherited(ADMIN_FD) is None
    sock = listening("127.0.0.1:0", "admin.listen")
    address = address_of(sock)
    monkeypatch.setenv(ADMIN_FD, str(sock.detach()))
    handed = inherited(ADMIN_FD)
    assert handed is not None
    with handed:
        assert address_of(handed) == address


def test_ipv6() -> None:
    """Brackets around an IPv6 address go and come."""
    try:
        sock = listening("[::1]:0", "admin.listen")
    except ConfigError:
        pytest.skip("no IPv6 on this machine's loopback")
    with sock:
        assert address_of(sock).startswith("[::1]:")
