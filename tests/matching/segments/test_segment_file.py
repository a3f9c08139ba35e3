"""Files of arrays: whole or not there, and never read if they are damaged."""

import json
import os
import zlib
from pathlib import Path

import numpy as np
import pytest

from edgeward.errors import DamagedSegment
from edgeward.matching.segments import segment_file
from edgeward.matching.segments.segment_file import PAGE_BYTES, Section, SegmentFile, new_file, partial_path

SECTIONS = {"small": Section("<u4", (2, 3)), "none": Section("<u8", (0,)), "large": Section("|u1", (9000,))}


def write(path: Path) -> Path:
    with new_file(path, {"what": "a test"}, SECTIONS) as writer:
        writer.arrays["small"][:] = [[1, 2, 3], [4, 5, 6]]
        writer.arrays["large"][:] = np.arange(9000) % 251
        list(writer.finish())
    return path


def test_what_was_written_is_read(tmp_path: Path) -> None:
    """Arrays and facts come back, can't be written to, and match their checksums."""
    file = SegmentFile(write(tmp_path / "a"))
    assert file.facts == {"what": "a test"}
    assert file.arrays["small"].tolist() == [[1, 2, 3], [4, 5, 6]]
    assert file.arrays["large"].tolist() == [number % 251 for number in range(9000)]
    assert file.arrays["none"].shape == (0,)
    assert not file.arrays["small"].flags.writeable
    list(file.verify())
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


def test_a_file_that_is_removed_stays_readable(tmp_path: Path) -> None:
    """Who has it mapped can go on reading it."""
    path = write(tmp_path / "a")
    file = SegmentFile(path)
    path.unlink()
    assert file.arrays["large"].sum() == sum(number % 251 for number in range(9000))
    assert not file.is_current()
    with pytest.raises(FileNotFoundError):
        list(file.verify())


def test_what_becomes_of_a_file_is_noticed(tmp_path: Path) -> None:
    """Cut short, changed in place, or with another in its place: without reading the memory that it is mapped to, which
    would end the process."""
    for number, change in enumerate((lambda path: os.truncate(path, 5000), lambda path: path.write_bytes(b""), write)):
        path = write(tmp_path / str(number))
        file = SegmentFile(path)
        list(file.verify())
        assert file.is_current()
        os.utime(path, ns=(1, 1))
        change(path)
        assert not file.is_current()
        with pytest.raises(DamagedSegment):
            list(file.verify())


def test_a_cut_file_is_refused(tmp_path: Path) -> None:
    """Cut within the header, at the border of each array and a byte before: the error names the file, nothing is
    mapped."""
    whole = write(tmp_path / "whole").read_bytes()
    borders = range(0, len(whole), PAGE_BYTES)
    for length in sorted({0, 1, 15, 100, *borders, *(border - 1 for border in borders if border), len(whole) - 1}):
        cut = tmp_path / "cut"
        cut.write_bytes(whole[:length])
        with pytest.raises(DamagedSegment, match=f"^{cut}: it (is cut short|has {length} bytes)"):
            SegmentFile(cut)
    (tmp_path / "cut").write_bytes(whole + b"\0")
    with pytest.raises(DamagedSegment, match="bytes instead of"):
        SegmentFile(tmp_path / "cut")


def test_a_changed_byte_is_found(tmp_path: Path) -> None:
    """In the header when the file is opened, in an array when it is verified: the error names the array."""
    path = write(tmp_path / "a")
    whole = path.read_bytes()
    for place, message in (
        *((0, "not a segment"), (9, "checksum"), (20, "header does not match"), (60, "header does not match")),
        *((PAGE_BYTES + 3, "small does not match"), (3 * PAGE_BYTES, "large does not match")),
    ):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        with pytest.raises(DamagedSegment, match=f"^{path}: .*{message}"):
            list(SegmentFile(path).verify())


@pytest.mark.parametrize("content", [b"", b"%PDF-1.7" * 1000, bytes(5000), b"EDGEWSEG" + b"\xff" * 5000])
def test_a_foreign_file_is_refused(content: bytes, tmp_path: Path) -> None:
    """Whatever it holds."""
    (tmp_path / "a").write_bytes(content)
    with pytest.raises(DamagedSegment):
        SegmentFile(tmp_path / "a")


def test_another_format_is_refused(tmp_path: Path) -> None:
    """A file of a later release is named as such."""
    path = write(tmp_path / "a")
    whole = bytearray(path.read_bytes())
    _, size, _ = segment_file._HEADER_PREFIX.unpack_from(whole)
    text = json.dumps(json.loads(whole[16 : 16 + size]) | {"format": 7}).encode()
    whole[: 16 + len(text)] = segment_file._HEADER_PREFIX.pack(segment_file.MAGIC, len(text), zlib.crc32(text)) + text
    path.write_bytes(whole)
    with pytest.raises(DamagedSegment, match="format 7, this release reads 1"):
        SegmentFile(path)


def test_what_is_not_finished_is_removed(tmp_path: Path) -> None:
    """An error while the file is written leaves nothing, and the file of that name as it was."""
    path = write(tmp_path / "a")
    before = path.read_bytes()
    with pytest.raises(ZeroDivisionError), new_file(path, {}, SECTIONS) as writer:
        writer.arrays["small"][:] = 7
        assert partial_path(path).exists()
        raise ZeroDivisionError
    assert [entry.name for entry in tmp_path.iterdir()] == ["a"]
    assert path.read_bytes() == before


def test_a_full_disk_is_an_error(tmp_path: Path) -> None:
    """It is found before the file is mapped: to write to a mapped file then would kill the process."""
    pid = os.fork()
    if pid == 0:  # a limit of the size of files, in a process of its own
        import resource
        import signal

        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, 10_000))
        try:
            write(tmp_path / "a")
        except OSError:
            os._exit(17)
        os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 17
    assert list(tmp_path.iterdir()) == []
    with new_file(tmp_path / "a", {}, SECTIONS):
        blocks = partial_path(tmp_path / "a").stat()
        assert blocks.st_blocks * 512 >= blocks.st_size, "the disk has not given all of it"
