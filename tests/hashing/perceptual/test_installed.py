"""What an installed type makes of a picture, and that what it does wrong costs its own signal alone."""

import random
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image
from tests.hashing.pictures import encoded, jpeg, photograph
from tests.stand_in import in_this_process, install

from edgeward.config import HashingSettings
from edgeward.hashing.decoding.images import Picture
from edgeward.hashing.fingerprint import fingerprint
from edgeward.hashing.perceptual.installed import made
from edgeward.hashing.registry import installed, prepare
from edgeward.types import Flaw, View

TYPES = ("sha256", "pdq", "photodna")
ANSWERS = """
    from edgeward.hashing.signal_types import SignalType

    class Type(SignalType):
        name, bits, radius = "other", 64, 4

        def hash(self, image):
            return {}
"""


@pytest.fixture
def photodna(tmp_path: Path) -> Iterator[HashingSettings]:
    with in_this_process(install(tmp_path)):
        prepare(TYPES)
        yield HashingSettings(signals=TYPES)


def whole(image: Image.Image) -> Picture:
    return Picture(image, 1, image.size)


def test_a_picture_has_a_signal_of_each_type(photodna: HashingSettings) -> None:
    """As a signal of its name beside the others, of the whole picture in colour; none without being asked for."""
    picture = photograph().resize((320, 240))
    found = fingerprint(encoded(picture, "PNG"), photodna)
    expected = picture.convert("L").resize((12, 12), Image.Resampling.BOX).tobytes().hex()
    assert [(each.type, each.value) for each in found.signals if each.type == "photodna"] == [("photodna", expected)]
    assert found.flaw is None
    assert {each.type for each in fingerprint(jpeg(), HashingSettings()).signals}.isdisjoint({"photodna"})


def test_it_is_shown_the_right_way_up(photodna: HashingSettings) -> None:
    """EXIF orientation is undone for it, and the signal says so."""
    picture = photograph().resize((320, 240))
    exif = Image.Exif()
    exif[0x0112] = 3
    turned = encoded(picture.transpose(Image.Transpose.ROTATE_180), "PNG", exif=exif)
    [upright] = [each for each in fingerprint(encoded(picture, "PNG"), photodna).signals if each.type == "photodna"]
    [shown] = [each for each in fingerprint(turned, photodna).signals if each.type == "photodna"]
    assert (shown.value, shown.view, upright.view) == (upright.value, View.SHOWN, View.STORED)


def test_what_it_raises_costs_its_signal_alone(photodna: HashingSettings) -> None:
    """The others stand, and the flaw counts it."""
    found = fingerprint(encoded(photograph().resize((96, 64)), "PNG"), photodna)
    assert found.flaw is Flaw.CRASHED
    assert [each.type for each in found.signals] == ["sha256", "pdq"]


@pytest.mark.parametrize(
    ("answer", "value", "failed"),
    [
        ("bytes(8)", "00" * 8, False),
        ("bytearray(8)", "00" * 8, False),
        ("None", None, False),
        ("bytes(9)", None, True),
        ("b''", None, True),
        ("'00' * 4", None, True),
        ("7", None, True),
        ("image.nothing_of_that_name", None, True),
    ],
)
def test_answers_are_checked(tmp_path: Path, answer: str, value: str | None, failed: bool) -> None:
    """A value is as many bytes as the type has; None says nothing; all else is a failure."""
    with in_this_process(install(tmp_path, ANSWERS.format(answer), "other", "Type")):
        done = made(whole(photograph()), ("sha256", "other"))
    assert done.failed is failed
    assert [(each.type, each.value) for each in done.signals] == ([("other", value)] if value else [])


def test_out_of_memory_is_not_its_own_fault(tmp_path: Path) -> None:
    """MemoryError passes through: the hasher ends of it, as everywhere."""
    code = ANSWERS.format("image.nothing").replace("return image.nothing", "raise MemoryError")
    with in_this_process(install(tmp_path, code, "other", "Type")), pytest.raises(MemoryError):
        made(whole(photograph()), ("other",))


def test_the_page_that_shows_how_to_write_one(tmp_path: Path) -> None:
    """docs/signals.md: its code can be installed as it stands, hashes, and compares at once as it does one by one."""
    page = (Path(__file__).parents[3] / "docs" / "signals.md").read_text()
    code, project = (re.findall(rf"^```{kind}\n(.*?)^```", page, re.S | re.M)[0] for kind in ("python", "toml"))
    [(name, where)] = tomllib.loads(project)["project"]["entry-points"]["edgeward.signals"].items()
    module, _, kind = where.partition(":")
    with in_this_process(install(tmp_path, code, name, kind, by=module)):
        [shown] = installed((name,))
        prepare((name,))
        [signal] = made(whole(photograph()), (name,)).signals
        values = [bytes.fromhex(signal.value), *(random.Random(seed).randbytes(144) for seed in range(5))]
        expected = [shown.distance(values[0], each) for each in values]
        assert list(shown.distances(values[0], b"".join(values))) == expected
        assert shown.hash(Image.new("L", (64, 64))) is None
