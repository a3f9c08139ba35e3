"""How a record is read that a later release of Edgeward may have written: during an upgrade two releases share a store.

A record without `needs` is of version 1; `needs` is the least version that a reader must know to act on it. Fields that
this release does not know are passed over, and written back when the record is. So are values of a field that it does
not know: it reads a substitute, which is safe.
"""

import json
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from edgeward.errors import LaterRelease

RECORD_VERSION = 3
"""The version of records that this release reads and writes. 2: imports that withdraw hashes. 3: batches; lists that
act at some hosts, paths, or a share of the targets alone, or from some quality on."""
DECODE_ERRORS = (KeyError, ValueError, TypeError, AttributeError)
"""What reading a record raises that is damaged or was written by a later release."""


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A list or an entry in the store that this release can't read.

    Attributes:
        list: name of its list; "" if that can't be read either.
        key: a digest of its text: of an entry that is removed later, it tells that it was this one.
        is_later: a later release wrote it; else it is damaged.
    """

    list: str
    key: bytes
    is_later: bool


def check_version(data: Mapping[str, Any], what: str) -> None:
    """Raises LaterRelease if a record needs a reader of a later version. `what`: the record, for the message."""
    needs = data.get("needs", RECORD_VERSION)
    if not isinstance(needs, int) or needs > RECORD_VERSION:
        raise LaterRelease(f"{what} was written by a later release of Edgeward: upgrade this one to read it")


def known_or[E: StrEnum](value: str, substitute: E) -> E:
    """The member of the substitute's enumeration that has this value; the substitute if none has."""
    try:
        return type(substitute)(value)
    except ValueError:
        return substitute


def unknown_fields(data: Mapping[str, Any], known: AbstractSet[str], **values: object) -> str:
    """The fields of a record that are not known, as JSON; "" if all are.

    `values`: of known fields what is to be kept besides, where it is not empty.
    """
    kept = {name: value for name, value in data.items() if name not in known}
    kept |= {name: value for name, value in values.items() if value}
    return json.dumps(kept, separators=(",", ":")) if kept else ""


def with_unknown(data: dict[str, Any], unknown: str) -> dict[str, Any]:
    """A record with the fields and values that `unknown_fields` kept. An object within is completed, not replaced."""
    if unknown:
        for name, value in json.loads(unknown).items():
            old = data.get(name)
            data[name] = old | value if isinstance(old, dict) and isinstance(value, dict) else value
    return data


def without_fields(unknown: str, names: AbstractSet[str]) -> str:
    """What `unknown_fields` kept, without these fields."""
    return unknown_fields(json.loads(unknown), names) if unknown else ""
