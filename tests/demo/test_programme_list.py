"""The demonstration's file of hashes is one that an import reads."""

import hashlib
import io

from edgeward.demo.programme_list import OTHERS, programme_list
from edgeward.lists.formats import LeftOut, ReadOptions
from edgeward.lists.formats.table import FORMATS, recognize


def test_it_is_recognised_and_whole() -> None:
    """MD5 and SHA-1 of each body and of the others, each with its source's id; the video is left out."""
    file = programme_list([b"one", b"two"])
    assert recognize(file) is FORMATS["ncmec"]
    rows = list(FORMATS["ncmec"].rows(io.BytesIO(file), ReadOptions()))
    left_out = [row for row in rows if isinstance(row, LeftOut)]
    assert len(left_out) == 1
    values = {row.value for row in rows if not isinstance(row, LeftOut)}
    assert hashlib.md5(b"one").hexdigest() in values and hashlib.sha1(b"two").hexdigest() in values
    assert len(values) == 2 * (2 + OTHERS)
