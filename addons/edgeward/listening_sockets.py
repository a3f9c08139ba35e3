"""Listening sockets. The supervisor opens them first, so that a port in use is an error before any process starts, and
passes them to its child processes."""

import contextlib
import errno
import os
import socket
from collections.abc import Mapping

from edgeward.errors import ConfigError

BACKLOG = 4096
"""Connections that may wait to be accepted. The kernel lowers it to net.core.somaxconn."""
PROXY_FD = "EDGEWARD_INTERNAL_PROXY_FD"
ADMIN_FD = "EDGEWARD_INTERNAL_ADMIN_FD"
"""Environment variables that hold the file descriptors of the inherited sockets."""
READY_FD = "EDGEWARD_INTERNAL_READY_FD"
"""Environment variable that holds the file descriptor of a pipe: a byte in it says that the process is ready."""

_FIXES: Mapping[int | None, str] = {
    errno.EADDRINUSE: ". Stop what listens there (`ss -ltnp` names it), or give another port",
    errno.EADDRNOTAVAIL: ". Give an address of this machine (`ip address` lists them), or 0.0.0.0",
    errno.EACCES: ". Give a port of 1024 or above, or the process CAP_NET_BIND_SERVICE",
}
"""What to do, by the number of the error."""


def listening_socket(address: str, setting: str, *, shared: bool = False) -> socket.socket:
    """A listening, non-blocking TCP socket on HOST:PORT.

    `shared`: other sockets of this user may listen on the same address (SO_REUSEPORT).

    Raises:
        ConfigError: the address is in use, or not of this machine. The message names `setting`.
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
        raise ConfigError(f"{setting} = {address!r}: {error.strerror or error}{_FIXES.get(error.errno, '')}") from None
    return sock


def shared_sockets(address: str, setting: str, count: int) -> list[socket.socket]:
    """`count` sockets on one address. The kernel distributes connections among them.

    Raises:
        ConfigError: as `listening_socket`.
    """
    # An unshared socket first: with SO_REUSEPORT alone, another server of the same user that already listens there
    # would go unnoticed and get a part of the connections.
    probe = listening_socket(address, setting)
    actual = address_of(probe)
    probe.close()
    return [listening_socket(actual, setting, shared=True) for _ in range(count)]


def inherited_socket(variable: str) -> socket.socket | None:
    """The socket that the supervisor passed down under this variable; None if this process was started by itself."""
    number = os.environ.get(variable)
    return socket.socket(fileno=int(number)) if number else None


def report_ready() -> None:
    """Tell the supervisor, if there is one, that this process accepts connections."""
    number = os.environ.pop(READY_FD, None)
    if number is not None:
        with contextlib.suppress(OSError):
            os.write(int(number), b"1")
            os.close(int(number))


def stop_listening(sock: socket.socket) -> None:
    """Refuse connections: those that wait are reset, new ones go to other sockets of the address. The port stays ours,
    also for the processes that have inherited the socket, and `listen` opens it again.

    On Linux, shutdown(2) does that to a listening socket; to close it would not, while a process has a copy of it. One
    that does not listen is left alone: shut down once more, it would end each connection at once after the next
    `listen`.
    """
    if sock.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
        with contextlib.suppress(OSError):  # another process has shut it down just now
            sock.shutdown(socket.SHUT_RDWR)


def address_of(sock: socket.socket) -> str:
    """The address a socket is bound to, as HOST:PORT; an IPv6 host in brackets."""
    host, port = sock.getsockname()[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
