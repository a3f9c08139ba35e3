"""The host of a URL as people write it, in the form in which browsers send it (WHATWG URL Standard, "Host parsing").

Names become ASCII by IDNA (UTS 46, as browsers apply it: not transitional, without the rules of STD 3). Numbers become
IPv4 addresses as in browsers: 127.1 is 127.0.0.1.
"""

import re
from ipaddress import AddressValueError, IPv4Address, IPv6Address
from urllib.parse import unquote_to_bytes

from edgeward.caches.urls import is_host

_NUMBER = re.compile(r"0[xX][0-9A-Fa-f]*|[0-9]+")
_PARTS_OF_IPV4 = 4


class HostError(ValueError):
    """It is not a host that a request can name."""


def browser_host(text: str) -> str:
    """The host as browsers send it: a name in ASCII and lower case, or an address. A dot at the end stays.

    Raises:
        HostError: no request can name it.
    """
    if text.startswith("["):
        return _ipv6(text)
    name = _ascii_name(unquote_to_bytes(text).decode("utf-8", "replace") if "%" in text else text)
    if _ends_in_number(name):
        name = str(_ipv4(name))
    if not is_host(name):
        raise HostError(text)
    return name


def _ascii_name(name: str) -> str:
    if name.isascii():
        return name.lower()
    # Its tables take some time to load, and most names are ASCII.
    import idna

    try:
        mapped = idna.uts46_remap(name, std3_rules=False)
        return ".".join(map(_ascii_label, mapped.split(".")))
    except UnicodeError as error:  # IDNAError is one
        raise HostError(name) from error


def _ascii_label(label: str) -> str:
    # Not idna.encode, which applies IDNA 2008: it refuses emoji and others that browsers send.
    return label if label.isascii() else f"xn--{label.encode('punycode').decode()}"


def _ipv6(text: str) -> str:
    try:
        address = IPv6Address(text.removeprefix("[").removesuffix("]"))
    except AddressValueError as error:
        raise HostError(text) from error
    if not text.endswith("]") or address.scope_id:
        raise HostError(text)
    if address.ipv4_mapped:  # Python writes its end as IPv4, browsers do not
        low = int(address) & 0xFFFFFFFF
        return f"[::ffff:{low >> 16:x}:{low & 0xFFFF:x}]"
    return f"[{address.compressed}]"


def _ends_in_number(name: str) -> bool:
    last = name.removesuffix(".").rpartition(".")[2]
    return bool(_NUMBER.fullmatch(last))


def _ipv4(name: str) -> IPv4Address:
    parts = name.removesuffix(".").split(".")
    if len(parts) > _PARTS_OF_IPV4 or not all(map(_NUMBER.fullmatch, parts)):
        raise HostError(name)
    try:
        numbers = list(map(_number, parts))
        # The last one fills all bytes that are left.
        if any(number > 0xFF for number in numbers[:-1]):
            raise HostError(name)
        high = sum(number << (8 * (3 - position)) for position, number in enumerate(numbers[:-1]))
        if numbers[-1] >= 1 << (8 * (5 - len(parts))):
            raise HostError(name)
        return IPv4Address(high + numbers[-1])
    except ValueError as error:
        raise HostError(name) from error


def _number(text: str) -> int:
    """A part of an IPv4 address: hexadecimal after 0x, octal after 0, else decimal."""
    if text[:2].lower() == "0x":
        return int(text[2:] or "0", 16)
    return int(text, 8 if text.startswith("0") and len(text) > 1 else 10)
