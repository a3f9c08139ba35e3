"""Batches: many entries of one list that are added, or taken off, in one step."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Self

from edgeward.types.later_releases import check_version


@dataclass(frozen=True, slots=True)
class Part:
    """The rows of a batch that have values of one signal type and length.

    Rows lie in buckets by the ids of their entries: the first `bucket_bits` bits of an id are the number of its bucket.
    Within a bucket they lie in the order of their ids. `counts` is how many rows each bucket has, in order.

    Attributes:
        type: signal type.
        size: bytes of a value.
        first: the number of the first row, counted through all parts of the batch.
        rows: how many there are.
    """

    type: str
    size: int
    first: int
    rows: int
    bucket_bits: int

    @property
    def buckets(self) -> int:
        """Number of buckets."""
        return 1 << self.bucket_bits

    def bucket_of(self, entry_id: str) -> int:
        """The bucket of an entry, by its id (20 hex digits)."""
        return int(entry_id[:16], 16) >> (64 - self.bucket_bits)


@dataclass(frozen=True, slots=True)
class Batch:
    """A batch: rows of its own, and what it does to the rows of earlier batches of its list.

    An entry of a batch is listed if the last batch that is not undone and that says something of its row adds it, and
    it was not removed by itself since. A batch adds its own rows.

    Attributes:
        id: of its own, at random.
        list: name of the list.
        by, why: who listed the entries, and the reason of those whose rows have no other.
        at: when, Unix seconds.
        act: the act that did so (see lists/acts.py).
        parts: its own rows.
        adds: by the id of an earlier batch, how many of its rows this one lists too.
        removes: by the id of an earlier batch, how many of its rows this one takes off the list: those that were
            withdrawn, and those that rows of this batch replace. Done before `adds`.
        version: the version of the lists that it made; 0 before that.
        undone: whether its act is undone: then it says nothing. Its rows are kept while other batches add them.
        undone_version: the version of the lists that undid it; 0 if none did, or that is not known.
    """

    id: str
    list: str
    by: str
    at: float
    why: str = ""
    act: str = ""
    parts: tuple[Part, ...] = ()
    adds: Mapping[str, int] = field(default_factory=dict)
    removes: Mapping[str, int] = field(default_factory=dict)
    version: int = 0
    undone: bool = False
    undone_version: int = 0

    @property
    def rows(self) -> int:
        """Number of its own rows."""
        return sum(part.rows for part in self.parts)

    def part_of(self, row: int) -> Part:
        """The part in which a row lies. Raises IndexError."""
        for part in self.parts:
            if part.first <= row < part.first + part.rows:
                return part
        raise IndexError(f"the batch {self.id} has no row {row}")

    def part_for(self, signal_type: str, size: int) -> Part | None:
        """The part of this type and number of bytes; None if there is none."""
        return next((part for part in self.parts if (part.type, part.size) == (signal_type, size)), None)

    def to_json(self) -> str:
        """Without `version` and `undone`, which the store keeps itself."""
        data = {
            "id": self.id,
            "list": self.list,
            "by": self.by,
            "at": self.at,
            "why": self.why,
            "act": self.act,
            "parts": [[part.type, part.size, part.first, part.rows, part.bucket_bits] for part in self.parts],
            "adds": dict(self.adds),
            "removes": dict(self.removes),
        }
        return json.dumps(data, separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str | bytes, version: int = 0, undone_version: int = 0) -> Self:
        """A batch as stored; undone if there is a version that undid it.

        Raises:
            LaterRelease: only a later release can read it.
            KeyError, ValueError, TypeError, AttributeError: it is damaged.
        """
        data: Mapping[str, Any] = json.loads(text)
        check_version(data, "a batch")
        return cls(
            id=str(data["id"]),
            list=str(data["list"]),
            by=str(data["by"]),
            at=float(data["at"]),
            why=str(data.get("why", "")),
            act=str(data.get("act", "")),
            parts=tuple(Part(*part) for part in data["parts"]),
            adds={str(name): int(count) for name, count in data.get("adds", {}).items()},
            removes={str(name): int(count) for name, count in data.get("removes", {}).items()},
            version=version,
            undone=bool(undone_version),
            undone_version=undone_version,
        )

    def as_of(self, version: int, undone: bool = False) -> "Batch":
        """The batch with what the store knows of it."""
        return replace(self, version=version, undone=undone)


@dataclass(frozen=True, slots=True, order=True)
class RowRef:
    """A row of a batch: the id of the batch, and the number of the row."""

    batch: str
    row: int

    def __str__(self) -> str:
        return f"{self.batch}:{self.row}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """The reference of "BATCH:ROW". Raises ValueError."""
        batch, _, row = text.partition(":")
        return cls(batch, int(row))


def row_field(part: int, bucket: int) -> str:
    """Name of the data of a batch that hold the rows of a bucket, packed (matching/batches/packed_rows.py)."""
    return f"rows:{part}:{bucket}"


def counts_field(part: int) -> str:
    """Name of the data of a batch that hold the number of rows of each bucket of a part: 32-bit little-endian."""
    return f"counts:{part}"


def adds_field(batch_id: str) -> str:
    """Name of the data of a batch that say which rows of an earlier batch it adds: a bit for each row, the first row is
    the highest bit of the first byte, compressed by zlib."""
    return f"adds:{batch_id}"


def removes_field(batch_id: str) -> str:
    """The same for those that it removes."""
    return f"removes:{batch_id}"


def fields_of(batch: Batch) -> Sequence[str]:
    """The names of all data of a batch, in a fixed order. A bucket without rows has none."""
    names = [counts_field(number) for number in range(len(batch.parts))]
    for number, part in enumerate(batch.parts):
        names += [row_field(number, bucket) for bucket in range(part.buckets)]
    return [*names, *map(adds_field, batch.adds), *map(removes_field, batch.removes)]
