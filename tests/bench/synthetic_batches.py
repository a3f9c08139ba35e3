"""Batches of synthetic values, written into a store much faster than files could be imported."""

import hashlib
import secrets
import time
from collections.abc import Iterator

import numpy as np
from tests.bench.synthetic_values import Draw

from edgeward.lists.batches.batch_store import Numbers
from edgeward.lists.list_store import ListStore
from edgeward.matching.batches.batch_writer import BatchWriter, PartPlan
from edgeward.matching.batches.packed_rows import ROWS_PER_BUCKET, Row, pack
from edgeward.matching.segments.segment_rows import Values
from edgeward.store.connection import Store
from edgeward.types import Batch, HashList, Part
from edgeward.types.batches import counts_field, row_field

ROWS_TOGETHER = 10_000
ID_BYTES = 10


async def write_batch(url: str, list_name: str, signal_type: str, draw: Draw, count: int) -> None:
    """List `count` values as one batch, each with a source id, as an import does. Makes the list if it is not there."""
    store = await Store.connect(url)
    list_store = ListStore(store)
    if all(each.name != list_name for each in await list_store.lists()):
        await list_store.create_list(HashList(list_name), "bench")
    values = np.unique(draw(np.random.default_rng(count), count), axis=0)
    writer, batch_id = BatchWriter(list_name), secrets.token_hex(8)
    writer.open_part(PartPlan(signal_type, values.shape[1], len(values)))
    for rows in _in_order(list_name, signal_type, values):
        await list_store.batches.data.write(batch_id, writer.add(rows))
    await list_store.batches.data.write(batch_id, writer.close_part())
    await list_store.batches.data.write(batch_id, writer.counts())
    batch = Batch(batch_id, list_name, "bench", time.time(), "bench", parts=writer.parts)
    last = (await list_store.batches.get(list_name)).last
    await list_store.batches.commit(batch, last, Numbers(writer.rows, 0, 0))
    await store.close()


def _in_order(list_name: str, signal_type: str, values: Values) -> Iterator[list[Row]]:
    """The rows in the order of the ids of their entries."""
    prefix = f"{list_name}\0{signal_type}\0".encode()
    ids = b"".join(
        hashlib.blake2b(prefix + value.tobytes().hex().encode(), digest_size=ID_BYTES).digest() for value in values
    )
    order = np.argsort(np.frombuffer(ids, f"V{ID_BYTES}").view(f"S{ID_BYTES}"), kind="stable")
    for start in range(0, len(order), ROWS_TOGETHER):
        some = order[start : start + ROWS_TOGETHER].tolist()
        yield [Row(values[number].tobytes(), None, "", f"s{number}") for number in some]


def batch_of_values(
    list_name: str, signal_type: str, size: int, draw: Draw, count: int
) -> tuple[Batch, Iterator[tuple[str, bytes]]]:
    """A batch of `count` values as they are drawn, in any order and without what sources say, and its data."""
    chance, rows = np.random.default_rng(count), ROWS_PER_BUCKET // 2
    bits = max(0, (count - 1) // rows).bit_length()
    counts = [max(0, min(rows, count - bucket * rows)) for bucket in range(1 << bits)]
    part = Part(signal_type, size, 0, count, bits)
    batch = Batch(secrets.token_hex(8), list_name, "bench", time.time(), "bench", parts=(part,))

    def data() -> Iterator[tuple[str, bytes]]:
        yield counts_field(0), np.array(counts, "<u4").tobytes()
        for bucket, number in enumerate(counts):
            if number:
                yield row_field(0, bucket), pack([Row(value.tobytes()) for value in draw(chance, number)], size)

    return batch, data()
