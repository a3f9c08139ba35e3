"""`hash`: what a hasher process computes, compared with the reference implementation."""

import base64
import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pdqhash
import pytest
from PIL import Image, ImageOps
from skimage import data
from tests.cli.conftest import Ended

from edgeward.errors import BadImage, NotFound
from edgeward.lists.formats import hash_files

type Run = Callable[..., Ended]


@pytest.fixture(autouse=True)
def _one_hasher_with_a_long_timeout(monkeypatch: pytest.MonkeyPatch) -> None:
    """Starting a hasher takes longer than what most tests do with it."""
    monkeypatch.setenv("EDGEWARD_HASHING__PROCESSES", "1")
    monkeypatch.setenv("EDGEWARD_HASHING__TIMEOUT_MS", "60000")


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    path = tmp_path / "astronaut.png"
    Image.fromarray(data.astronaut()).save(path)
    return path


def test_prints_the_reference_pdq(edgeward: Run, photo: Path) -> None:
    """--json shows for a photograph the PDQ that pdqhash.compute gives, with its quality."""
    bits, quality = pdqhash.compute(data.astronaut())
    ended = edgeward("hash", "--json", photo)
    (found,) = ended.json
    (pdq,) = [signal for signal in found["signals"] if signal["type"] == "pdq"]
    assert pdq == {"type": "pdq", "value": np.packbits(bits).tobytes().hex(), "quality": quality}
    assert ended.status == 0
    del found["signals"], found["sha256"]
    assert found == {"file": str(photo), "media_type": "image/png", "width": 512, "height": 512, "flaw": None}


def test_a_large_jpeg_has_the_reference_pdq_too(edgeward: Run, tmp_path: Path) -> None:
    """The command decodes at full size, without the reduced decoding that the proxy uses for speed."""
    path = tmp_path / "large.jpg"
    Image.fromarray(data.coffee()).resize((1100, 900)).save(path, quality=20)
    bits, _ = pdqhash.compute(np.asarray(Image.open(path)))
    assert f"pdq:{np.packbits(bits).tobytes().hex()}  quality" in edgeward("hash", path).out


def test_prints_lines_that_add_takes(edgeward: Run, photo: Path) -> None:
    """Each hash is a line TYPE:HEX below the file name, and PDQ has its quality."""
    title, *lines = edgeward("hash", photo).out.splitlines()
    assert title == f"# {photo}: image/png, 512 x 512 pixels"
    assert [line.partition(":")[0] for line in lines] == [
        *("sha256", "sha1", "md5", "pdq", "phash", "dhash", "pdq-dhash")
    ]
    assert lines[3].endswith("  quality 100")
    pdq, dhash = (lines[place].partition(":")[2] for place in (3, 5))
    assert lines[6] == f"pdq-dhash:{dhash}{pdq}"


def test_import_reads_what_is_printed(edgeward: Run, photo: Path, tmp_path: Path) -> None:
    """Of several images, with a space in a name, and one that has a flaw: all their hashes, with their quality."""
    flat = tmp_path / "a: flat one.png"
    Image.new("RGB", (200, 200), "teal").save(flat)
    read = hash_files.read(edgeward("hash", photo, flat).out.encode(), "text")
    found = [signal for each in edgeward("hash", photo, flat, "--json").json for signal in each["signals"]]
    stored = [(each["type"], each["value"], each.get("quality")) for each in found if "view" not in each]
    assert [(each.signal.type, each.signal.value, each.signal.quality) for each in read.listed] == stored
    assert (read.bad, read.repeated) == ([], 0)


def test_several_files_keep_their_order(
    edgeward: Run, photo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The output has the order of the arguments, however long each file took."""
    monkeypatch.setenv("EDGEWARD_HASHING__PROCESSES", "2")
    small = tmp_path / "small.png"
    Image.fromarray(data.coffee()).resize((64, 48)).save(small)
    found = edgeward("hash", "--json", photo, small, photo).json
    assert [each["file"] for each in found] == [str(photo), str(small), str(photo)]
    assert [each["width"] for each in found] == [512, 64, 512]


def test_a_file_that_is_not_a_picture_is_named(edgeward: Run, photo: Path, tmp_path: Path) -> None:
    """A file that is not a picture ends the command with its name, even among good files."""
    text = tmp_path / "letter.txt"
    text.write_text("no picture")
    with pytest.raises(BadImage, match=r"letter\.txt: the bytes are not an image of a known format"):
        edgeward("hash", photo, text)


def test_a_missing_file_is_named(edgeward: Run) -> None:
    """A file that is not there is an error with its name."""
    with pytest.raises(NotFound, match=r"/no/such\.jpg"):
        edgeward("hash", "/no/such.jpg")


def test_a_broken_picture_is_status_1(edgeward: Run, tmp_path: Path) -> None:
    """A picture that no decoder can read has its digests, the flaw, and status 1."""
    buffer = io.BytesIO()
    Image.fromarray(data.coffee()).save(buffer, "PNG")
    broken = tmp_path / "broken.png"
    broken.write_bytes(buffer.getvalue()[:40])
    ended = edgeward("hash", broken)
    assert ended.status == 1
    assert "flaw: undecodable" in ended.out
    assert "sha256:" in ended.out


def test_the_view_and_frame_of_a_hash_are_printed(edgeward: Run, tmp_path: Path) -> None:
    """Hashes of the inside of a border and of later frames come after the others and are marked."""
    one, other = (Image.fromarray(each).resize((200, 150)) for each in (data.astronaut(), data.coffee()))
    path = tmp_path / "framed.webp"
    ImageOps.expand(one, 20, "white").save(path, save_all=True, append_images=[ImageOps.expand(other, 20, "white")])
    printed = edgeward("hash", path).out
    lines = [line for line in printed.splitlines() if line.removeprefix("# ").startswith("pdq:")]
    notes = [line.partition("  ")[2] for line in lines]
    assert notes == ["quality 100", "quality 100  inner", "quality 100  frame 1", "quality 100  inner  frame 1"]
    found = [each for each in edgeward("hash", "--json", path).json[0]["signals"] if each["type"] == "pdq"]
    assert [(each.get("view"), each.get("frame")) for each in found] == [
        (None, None),
        ("inner", None),
        (None, 1),
        ("inner", 1),
    ]
    read = hash_files.read(printed.encode(), "text")
    stored = {(each["type"], each["value"]) for each in found if "view" not in each}
    assert {(each.signal.type, each.signal.value) for each in read.listed if each.signal.type == "pdq"} == stored
    assert read.bad == []


def test_a_flat_picture_says_why_it_has_no_hashes(edgeward: Run, tmp_path: Path) -> None:
    """A flat picture has digests only, with the flaw and status 1: it can't be matched by its looks."""
    path = tmp_path / "flat.png"
    Image.new("RGB", (200, 200), "teal").save(path)
    ended = edgeward("hash", path)
    assert ended.status == 1
    assert "flaw: flat (no perceptual hashes)" in ended.out
    assert "pdq:" not in ended.out


def test_a_file_over_the_limit_is_refused(edgeward: Run, photo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """hashing.max_bytes applies to files too."""
    monkeypatch.setenv("EDGEWARD_HASHING__MAX_BYTES", "2000")
    with pytest.raises(BadImage, match="more than 2000 bytes"):
        edgeward("hash", photo)


def test_an_svg_has_the_hashes_of_its_pictures(edgeward: Run, photo: Path, tmp_path: Path) -> None:
    """The hashes of an SVG include those of the pictures in it."""
    drawing = tmp_path / "drawing.svg"
    inner = base64.b64encode(photo.read_bytes()).decode()
    drawing.write_text(f'<svg xmlns="http://www.w3.org/2000/svg"><image href="data:;base64,{inner}"/></svg>')
    alone, shown = edgeward("hash", "--json", photo, drawing).json
    assert {each["value"] for each in alone["signals"]} < {each["value"] for each in shown["signals"]}


def test_the_good_files_among_bad_ones_are_printed(
    edgeward: Run, photo: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """In text before the error is raised; as JSON beside the errors."""
    text = tmp_path / "letter.txt"
    text.write_text("no picture")
    with pytest.raises(BadImage, match=r"(?s)letter\.txt.*\n.*missing"):
        edgeward("hash", text, photo, tmp_path / "missing")
    assert "pdq:" in capsys.readouterr().out
    ended = edgeward("hash", "--json", text, photo)
    assert ended.status == 2
    assert [sorted(each)[:2] for each in ended.json] == [["error", "file"], ["file", "flaw"]]
    assert "letter.txt" in ended.err
