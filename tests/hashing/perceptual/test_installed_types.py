"""Signals of installed types; a type that fails costs only its own signal."""

import random
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image
from tests.hashing.pictures import encoded, jpeg, photograph
from tests.support.stand_in import in_this_process, install

from edgeward.hashing.decoding.images import Picture
from edgeward.hashing.fingerprint import fingerprint
from edgeward.hashing.perceptual.installed_types import installed_signals
from edgeward.hashing.signal_registry import installed_types, prepare
from edgeward.settings.config import HashingSettings
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
    """A signal of the type's name, of the whole picture in colour; none if the settings do not name the type."""
    picture = photograph().resize((320, 240))
    found = fingerprint(encoded(picture, "PNG"), photodna)
    expected = picture.convert("L").resize((12, 12), Image.Resampling.BOX).tobytes().hex()
    assert [(each.type, each.value) for each in found.signals if each.type == "photodna"] == [("photodna", expected)]
    assert found.flaw is None
    assert {each.type for each in fingerprint(jpeg(), HashingSettings()).signals}.isdisjoint({"photodna"})


def test_it_gets_the_picture_upright(photodna: HashingSettings) -> None:
    """The type gets the picture turned as EXIF says, and the signal's view says so."""
    picture = photograph().resize((320, 240))
    exif = Image.Exif()
    exif[0x0112] = 3
    turned = encoded(picture.transpose(Image.Transpose.ROTATE_180), "PNG", exif=exif)
    [upright] = [each for each in fingerprint(encoded(picture, "PNG"), photodna).signals if each.type == "photodna"]
    [shown] = [each for each in fingerprint(turned, photodna).signals if each.type == "photodna"]
    assert (shown.value, shown.view, upright.view) == (upright.value, View.SHOWN, View.STORED)


def test_an_exception_costs_only_its_signal(photodna: HashingSettings) -> None:
    """The other signals remain, and the flaw counts it."""
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
    """A value has as many bytes as the type says; None means no signal; anything else is a failure."""
    with in_this_process(install(tmp_path, ANSWERS.format(answer), "other", "Type")):
        done = installed_signals(whole(photograph()), ("sha256", "other"))
    assert done.failed is failed
    assert [(each.type, each.value) for each in done.signals] == ([("other", value)] if value else [])


def test_out_of_memory_is_not_its_own_fault(tmp_path: Path) -> None:
    """MemoryError passes through, so that the hasher ends."""
    code = ANSWERS.format("image.nothing").replace("return image.nothing", "raise MemoryError")
    with in_this_process(install(tmp_path, code, "other", "Type")), pytest.raises(MemoryError):
        installed_signals(whole(photograph()), ("other",))


def test_the_page_that_shows_how_to_write_one(tmp_path: Path) -> None:
    """The code in docs/signals.md can be installed as it is, hashes, and `distances` equals `distance`."""
    page = (Path(__file__).parents[3] / "docs" / "signals.md").read_text()
    code, project = (re.findall(rf"^```{kind}\n(.*?)^```", page, re.S | re.M)[0] for kind in ("python", "toml"))
    [(name, where)] = tomllib.loads(project)["project"]["entry-points"]["edgeward.signals"].items()
    module, _, kind = where.partition(":")
    with in_this_process(install(tmp_path, code, name, kind, by=module)):
        [shown] = installed_types((name,))
        prepare((name,))
        [signal] = installed_signals(whole(photograph()), (name,)).signals
        values = [bytes.fromhex(signal.value), *(random.Random(seed).randbytes(144) for seed in range(5))]
        expected = [shown.distance(values[0], each) for each in values]
        assert list(shown.distances(values[0], b"".join(values))) == expected
        assert shown.hash(Image.new("L", (64, 64))) is None
