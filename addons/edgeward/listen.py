"""Listening sockets: opened early, so that a port in use is known before anything starts; handed down to children."""

import os
import socket

from edgeward.errors import ConfigError

BACKLOG = 4096
PROXY_FD = "EDGEWARD_INTERNAL_PROXY_FD"
ADMIN_FD = "EDGEWARD_INTERNAL_ADMIN_FD"
"""Environment variables by which the supervisor names the sockets that its children inherit."""


def listening(address: str, setting: str, *, shared: bool = False) -> socket.socket:
    """A listening TCP socket on HOST:PORT. `shared`: other sockets of this user may listen there too (SO_REUSEPORT).

    Raises:
        ConfigError: the address is in use or not this machine's; the message names `setting`.
    """
    host, _, port = address.rpartition(":")
    host = host.strip("[]")
    sock = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if shared:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        sock.bind((host, int(port)))
        sock.listen(BACKLOG)
        sock.setblocking(False)
    except OSError as error:
        sock.close()
        raise ConfigError(f"{setting} = {address!r}: {error.strerror or error}") from None
    return sock


def shared_sockets(address: str, setting: str, count: int) -> list[socket.socket]:
    """`count` sockets on one address, among which the kernel spreads connections.

    A first, unshared one makes sure that nobody else listens there: with SO_REUSEPORT alone another server of the same
    user would silently get a part of the connections.
    """
    probe = listening(address, setting)
    actual = address_of(probe)
    probe.close()
    return [listening(actual, setting, shared=True) for _ in range(count)]


def inherited(variable: str) -> socket.socket | None:
    """The socket that the supervisor handed down under this variable, if there is one."""
    number = os.environ.get(variable)
    return socket.socket(fileno=int(number)) if number else None


def address_of(sock: socket.socket) -> str:
    """HOST:PORT as it is bound."""
    host, port = sock.getsockname()[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
