"""Writing a segment in the form that fits."""

from pathlib import Path

import pytest
from tests.matching.segments.examples import MD5, PDQ, as_rows

from edgeward.matching.segments.digest_segment import DigestSegment
from edgeward.matching.segments.hamming_segment import HammingSegment
from edgeward.matching.segments.segment_file import SegmentFile
from edgeward.matching.segments.segment_writing import write_segment


def test_the_form_follows_from_the_type(tmp_path: Path) -> None:
    """Values with a distance can be searched by it, others for equality; both know their type."""
    list(write_segment(tmp_path / "pdq", PDQ, 2, [as_rows([bytes(32), b"1" * 32])]))
    list(write_segment(tmp_path / "md5", MD5, 2, [as_rows([bytes(16), b"1" * 16])]))
    pdq, md5 = SegmentFile(tmp_path / "pdq"), SegmentFile(tmp_path / "md5")
    assert (pdq.facts["signal"], md5.facts["signal"]) == ("pdq", "md5")
    assert (len(HammingSegment(pdq)), len(DigestSegment(md5))) == (2, 2)
    with pytest.raises(ValueError, match="1 rows instead of 2"):
        list(write_segment(tmp_path / "x", PDQ, 2, [as_rows([bytes(32)])]))
    assert not (tmp_path / "x").exists()
