"""A batch with its data as a stream of bytes."""

import io

import pytest
from tests.support.batches import packed_batch

from edgeward.matching.batches import file_stream
from edgeward.types import Entry, Signal


def test_a_batch_comes_out_as_it_went_in() -> None:
    """And whatever is missing at the end is noticed, wherever it was cut."""
    batch, data = packed_batch([Entry("a", Signal("md5", f"{number:032x}"), added_by="me") for number in range(5)])
    frames = b"".join(file_stream.frame(name, value) for name, value in data.items())
    whole = file_stream.first_line(batch) + frames + file_stream.END
    stream = io.BytesIO(whole)
    assert file_stream.read_batch(stream) == batch
    assert dict(file_stream.read_data(stream)) == data
    for end in range(len(file_stream.first_line(batch)), len(whole)):
        cut = io.BytesIO(whole[:end])
        file_stream.read_batch(cut)
        with pytest.raises(EOFError):
            list(file_stream.read_data(cut))
