"""The network of this process: what a loopback address leads to is decided there, and is another on each machine."""

import functools
import hashlib
import ipaddress
import socket
from pathlib import Path

BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
NETWORK_NAMESPACE = Path("/proc/self/ns/net")
LOCAL_NAMES = frozenset(("localhost4", "localhost6", "ip6-localhost", "ip6-loopback", "localhost.localdomain"))


@functools.cache
def network_id() -> str:
    """Eight hex digits, the same for all processes in one network namespace of a machine, from its boot to the next.

    The inode of a namespace alone does not tell machines apart: that of the first one is the same in every Linux.
    """
    try:
        where = BOOT_ID.read_text(errors="replace").strip()
    except OSError:
        where = socket.gethostname()
    try:
        namespace = NETWORK_NAMESPACE.stat().st_ino
    except OSError:
        namespace = 0
    return hashlib.sha256(f"edgeward {where} {namespace}".encode()).hexdigest()[:8]


def place_id(directory: Path) -> str:
    """Eight hex digits, the same for all processes that share a `state_dir` in one network, from a machine's boot to
    the next."""
    return hashlib.sha256(f"{network_id()} {directory.absolute()}".encode()).hexdigest()[:8]


def is_local(host: str) -> bool:
    """Whether a host, without its port, is the machine that asks: "localhost", 127.1, ::1, 0.0.0.0. Other names are not
    resolved."""
    host = host.strip("[]").rstrip(".").lower()
    if host in LOCAL_NAMES or host == "localhost" or host.endswith(".localhost"):  # RFC 6761, section 6.3
        return True
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        try:
            # Short and hexadecimal forms are addresses for connect(2) too.
            address = ipaddress.IPv4Address(socket.inet_aton(host))
        except (OSError, ValueError):  # a name; one with a null byte
            return False
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped:
        address = address.ipv4_mapped
    return address.is_loopback or address.is_unspecified
