"""Reads records of the store one by one: one that this release can't read stops no other."""

from collections.abc import Callable, Iterable

from edgeward import metrics
from edgeward.types.later_releases import DECODE_ERRORS


def readable[Record, Value](kind: str, records: Iterable[Record], read: Callable[[Record], Value]) -> list[Value]:
    """What the records say. Those that `read` can't read are counted and left out: they are damaged, or a later release
    has written them.

    Args:
        kind: what they are called in edgeward_unreadable_records_total.
    """
    found = []
    for record in records:
        try:
            found.append(read(record))
        except DECODE_ERRORS:
            metrics.unreadable_records.labels(kind).inc()
    return found
