"""Which signal types there are in this process: those that ship, and those installed beside the package.

An installed type is an entry point of the group `edgeward.signals` that leads to a class under `SignalType`. It is
loaded and tried once in each process, and hashes images where `hashing.signals` names it.
"""

import re
from collections.abc import Iterable, Mapping
from functools import cache
from types import MappingProxyType

from edgeward import plug_ins
from edgeward.errors import ConfigError
from edgeward.hashing.signal_types import (
    BUILT_IN,
    COMPOSED,
    NOT_SHIPPED,
    ListedType,
    SignalType,
    greatest_radius,
    is_hamming,
)
from edgeward.types import HashList

MAX_BITS = 1 << 16
_NAME = re.compile(r"[a-z][a-z0-9_-]{0,31}")


@cache
def known() -> Mapping[str, ListedType]:
    """Every type that can be listed, by its name.

    Raises:
        ConfigError: an installed one can't be loaded, or is not what it should be: the message names it.
    """
    kinds: dict[str, ListedType] = {kind.name: kind for kind in (*BUILT_IN, *COMPOSED, *NOT_SHIPPED)}
    for name, entry in plug_ins.found(plug_ins.SIGNALS).items():
        kind = plug_ins.load(entry, SignalType)  # type: ignore[type-abstract]  # asks for a base, not for the class made
        try:
            fault = _fault(kind, name) or _misfit(kind)
        except Exception as error:  # noqa: BLE001  whatever another's code raises: it is named
            fault = f"its distance raises {type(error).__name__}: {error}"
        if fault:
            raise ConfigError(f"{plug_ins.origin(entry)}: {fault}")
        kind.version = entry.dist.version if entry.dist else ""
        kinds[name] = kind
    return MappingProxyType(kinds)


def available() -> Mapping[str, ListedType]:
    """The types that images can have: all but those that would have to be installed first."""
    return {name: kind for name, kind in known().items() if kind not in NOT_SHIPPED}


def measured() -> Mapping[str, ListedType]:
    """The types that are compared by distance. All others, unknown ones among them, match if they are equal."""
    return {name: kind for name, kind in known().items() if kind.radius is not None}


def is_measured(name: str) -> bool:
    """Whether values of this type are compared by distance."""
    kind = known().get(name)
    return kind is not None and kind.radius is not None


def distance(name: str, one: str, other: str) -> int:
    """The distance of two hexadecimal values of a measured type, which are of one length."""
    return known()[name].distance(bytes.fromhex(one), bytes.fromhex(other))


def radius_of(hash_list: HashList, name: str) -> int:
    """The distance up to which entries of this list match, for one type; 0 for what must be equal."""
    return hash_list.radius.get(name, default_radius(name))


def default_radius(name: str) -> int:
    """The same for a list that has no radius of its own."""
    kind = known().get(name)
    return (kind.radius if kind else None) or 0


def furthest(name: str) -> int:
    """The greatest radius that a list may have for one type; 0 for what must be equal."""
    kind = measured().get(name)
    return greatest_radius(kind) if kind else 0


def installed(names: Iterable[str]) -> list[SignalType]:
    """The installed types among `names`, in their order."""
    kinds = (known().get(name) for name in names)
    return [kind for kind in kinds if isinstance(kind, SignalType)]


def versions(names: Iterable[str]) -> tuple[str, ...]:
    """Of the distributions that brought the installed types among `names`: another may hash otherwise."""
    return tuple(kind.version for kind in installed(names))


def prepare(names: Iterable[str]) -> None:
    """Have each installed type among `names` load what it needs. What it raises passes through."""
    for kind in installed(names):
        kind.prepare()


def may_draft(names: Iterable[str]) -> bool:
    """Whether a scaled down and grey JPEG does for all installed types among `names`."""
    return all(kind.drafted for kind in installed(names))


def _misfit(kind: SignalType) -> str | None:
    """Why a type can't stand beside those there are, if it can't."""
    if any(kind.name == other.name for other in (*BUILT_IN, *COMPOSED)):
        return "a type of that name ships"
    wanted = next((other.bits for other in NOT_SHIPPED if other.name == kind.name), kind.bits)
    return None if wanted == kind.bits else f"it has {kind.bits} bits, and what is listed of it {wanted}"


def _fault(kind: SignalType, name: str) -> str | None:
    """What is wrong with an installed type, if anything is."""
    if kind.name != name or not _NAME.fullmatch(name):
        return f"its name {kind.name!r} must be that of the entry point, of a-z, 0-9, _ and -, up to 32"
    if not _is_count(kind.bits) or kind.bits % 8 or not 0 < kind.bits <= MAX_BITS:
        return f"bits = {kind.bits!r} is no multiple of 8 from 8 to {MAX_BITS}"
    limit = greatest_radius(kind)
    if not _is_count(kind.radius) or not _is_count(limit) or limit < kind.radius:
        return f"radius = {kind.radius!r} is not within 0 to {limit!r}"
    if kind.max_radius is None and not is_hamming(kind):
        return "max_radius is due, as its distance is its own"
    return _fault_of_distance(kind)


def _fault_of_distance(kind: SignalType) -> str | None:
    """Two values are compared, since a distance that can't do that would fail at the first image."""
    size = kind.bits // 8
    low, high = bytes(size), bytes(place % 255 + 1 for place in range(size))
    apart = kind.distance(low, high)
    if kind.distance(low, low) != 0 or not _is_count(apart) or kind.distance(high, low) != apart:
        return "its distance must be a whole number, 0 of a value to itself, and the same both ways"
    if list(kind.distances(low, low + high)) != [0, apart]:
        return "its distances must be what its distance says"
    return None


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0
