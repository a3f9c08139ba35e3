"""The signal types of this process: the built-in ones, and those installed beside the package.

An installed type is an entry point of the group `edgeward.signals` that names a subclass of `SignalType`. Each process
loads and checks it once. Images get its signals if `hashing.signals` names it.
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
    is_hamming,
    max_radius_of,
)
from edgeward.types import HashList

MAX_BITS = 1 << 16
_NAME = re.compile(r"[a-z][a-z0-9_-]{0,31}")


@cache
def listable_types() -> Mapping[str, ListedType]:
    """Every type that lists can have entries of, by name.

    Raises:
        ConfigError: an installed type can't be loaded or is unsound; the message names it and says why.
    """
    kinds: dict[str, ListedType] = {kind.name: kind for kind in (*BUILT_IN, *COMPOSED, *NOT_SHIPPED)}
    for name, entry in plug_ins.entry_points_of(plug_ins.SIGNAL_GROUP).items():
        kind = plug_ins.load(entry, SignalType)  # type: ignore[type-abstract]  # asks for a base, not for the class made
        try:
            fault = _attribute_fault(kind, name) or _distance_fault(kind) or _conflict(kind)
        except Exception as error:  # noqa: BLE001  foreign code may raise anything: the message names it
            fault = f"its distance raises {type(error).__name__}: {error}"
        if fault:
            raise ConfigError(f"{plug_ins.describe(entry)}: {fault}")
        kind.version = entry.dist.version if entry.dist else ""
        kinds[name] = kind
    return MappingProxyType(kinds)


def hashable_types() -> Mapping[str, ListedType]:
    """The types that images can have signals of: all but those that would have to be installed first."""
    return {name: kind for name, kind in listable_types().items() if kind not in NOT_SHIPPED}


def types_with_distance() -> Mapping[str, ListedType]:
    """The types that are compared by distance. All others, unknown ones included, match only equal values."""
    return {name: kind for name, kind in listable_types().items() if kind.radius is not None}


def has_distance(name: str) -> bool:
    """Whether values of this type are compared by distance."""
    kind = listable_types().get(name)
    return kind is not None and kind.radius is not None


def distance(name: str, one: str, other: str) -> int:
    """The distance of two hexadecimal values of one length, for a type with a distance."""
    return listable_types()[name].distance(bytes.fromhex(one), bytes.fromhex(other))


def radius_of(hash_list: HashList, name: str) -> int:
    """The distance up to which entries of a type on this list match; 0 for types that match only equal values."""
    return hash_list.radius.get(name, default_radius(name))


def default_radius(name: str) -> int:
    """The radius of a type on lists that do not set one; 0 for types that match only equal values."""
    kind = listable_types().get(name)
    return (kind.radius if kind else None) or 0


def max_radius(name: str) -> int:
    """The greatest radius that a list may set for a type; 0 for types that match only equal values."""
    kind = types_with_distance().get(name)
    return max_radius_of(kind) if kind else 0


def installed_types(names: Iterable[str]) -> list[SignalType]:
    """The installed types among `names`, in their order."""
    kinds = (listable_types().get(name) for name in names)
    return [kind for kind in kinds if isinstance(kind, SignalType)]


def versions(names: Iterable[str]) -> tuple[str, ...]:
    """The versions of the distributions that brought the installed types among `names`. Another may hash otherwise."""
    return tuple(kind.version for kind in installed_types(names))


def prepare(names: Iterable[str]) -> None:
    """Let each installed type among `names` load what it needs. Its exceptions pass through."""
    for kind in installed_types(names):
        kind.prepare()


def may_draft(names: Iterable[str]) -> bool:
    """Whether every installed type among `names` accepts a JPEG that is grey and scaled down."""
    return all(kind.drafted for kind in installed_types(names))


def _attribute_fault(kind: SignalType, name: str) -> str | None:
    """What is wrong with an installed type's attributes, if anything is."""
    if kind.name != name or not _NAME.fullmatch(name):
        return f"its name {kind.name!r} must equal the entry point's: up to 32 of a-z, 0-9, _ and -"
    if not _is_count(kind.bits) or kind.bits % 8 or not 0 < kind.bits <= MAX_BITS:
        return f"bits = {kind.bits!r} is not a multiple of 8 from 8 to {MAX_BITS}"
    limit = max_radius_of(kind)
    if not _is_count(kind.radius) or not _is_count(limit) or limit < kind.radius:
        return f"radius = {kind.radius!r} is not within 0 to {limit!r}"
    if kind.max_radius is None and not is_hamming(kind):
        return "max_radius is required: the type has its own distance"
    return None


def _distance_fault(kind: SignalType) -> str | None:
    """What is wrong with its distance. Two values are compared: a broken distance would fail at the first image."""
    size = kind.bits // 8
    low, high = bytes(size), bytes(place % 255 + 1 for place in range(size))
    apart = kind.distance(low, high)
    if kind.distance(low, low) != 0 or not _is_count(apart) or kind.distance(high, low) != apart:
        return "its distance must be a whole number, 0 for equal values, and the same both ways"
    if list(kind.distances(low, low + high)) != [0, apart]:
        return "its distances must equal its distance"
    return None


def _conflict(kind: SignalType) -> str | None:
    """Why a type can't be added to those that ship, if it can't."""
    if any(kind.name == other.name for other in (*BUILT_IN, *COMPOSED)):
        return "Edgeward ships a type of this name"
    listed = next((other.bits for other in NOT_SHIPPED if other.name == kind.name), kind.bits)
    return None if listed == kind.bits else f"it has {kind.bits} bits, but its listed values have {listed}"


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0
