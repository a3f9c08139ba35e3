"""Listening sockets: opened before anything else, and passed to child processes."""

import socket

import pytest

from edgeward.errors import ConfigError
from edgeward.listening_sockets import (
    ADMIN_FD,
    BACKLOG,
    address_of,
    inherited_socket,
    listening_socket,
    shared_sockets,
    stop_listening,
)


def test_port_zero_takes_a_free_one() -> None:
    """Port 0 becomes a free port, which the address names."""
    with listening_socket("127.0.0.1:0", "admin.listen") as sock:
        assert address_of(sock) != "127.0.0.1:0"
        socket.create_connection(sock.getsockname(), 10).close()


def test_a_port_in_use_names_the_setting() -> None:
    """The error names the setting and its value."""
    with (
        listening_socket("127.0.0.1:0", "admin.listen") as sock,
        pytest.raises(ConfigError, match=r"proxy\.listen.*in use\. Stop what listens there"),
    ):
        listening_socket(address_of(sock), "proxy.listen")


def test_an_address_of_another_machine_names_the_setting() -> None:
    """An address that can't be bound on this machine is an error with the setting's name."""
    with pytest.raises(ConfigError, match=r"proxy\.listen"):
        listening_socket("192.0.2.1:0", "proxy.listen")


def test_shared_sockets_are_on_one_port() -> None:
    """Each worker gets its own socket, all on the same address."""
    sockets = shared_sockets("127.0.0.1:0", "proxy.listen", 3)
    assert len({address_of(sock) for sock in sockets}) == 1
    for sock in sockets:
        sock.close()


def test_shared_sockets_refuse_an_address_in_use() -> None:
    """A second server on the address is an error, though SO_REUSEPORT would let it take a part of the connections."""
    (first,) = shared_sockets("127.0.0.1:0", "proxy.listen", 1)
    with first, pytest.raises(ConfigError, match="in use"):
        shared_sockets(address_of(first), "proxy.listen", 1)


def test_inherited_only_when_handed_down(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the variable set, it is that socket; without it, None."""
    assert inherited_socket(ADMIN_FD) is None
    sock = listening_socket("127.0.0.1:0", "admin.listen")
    address = address_of(sock)
    monkeypatch.setenv(ADMIN_FD, str(sock.detach()))
    handed = inherited_socket(ADMIN_FD)
    assert handed is not None
    with handed:
        assert address_of(handed) == address


def test_ipv6() -> None:
    """An IPv6 address is given and returned in brackets."""
    try:
        sock = listening_socket("[::1]:0", "admin.listen")
    except ConfigError:
        pytest.skip("no IPv6 on this machine's loopback")
    with sock:
        assert address_of(sock).startswith("[::1]:")


@pytest.mark.parametrize("times", [1, 2, 5])
def test_a_port_that_was_closed_again_and_again_opens(times: int) -> None:
    """Connections are refused meanwhile, and served afterwards."""
    sock = listening_socket("127.0.0.1:0", "proxy.listen")
    with sock:
        for _ in range(times):
            stop_listening(sock)
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(sock.getsockname(), 5).close()
        sock.listen(BACKLOG)
        sock.setblocking(True)
        with socket.create_connection(sock.getsockname(), 5) as client, sock.accept()[0] as served:
            client.sendall(b"hello")
            assert served.recv(5) == b"hello"
