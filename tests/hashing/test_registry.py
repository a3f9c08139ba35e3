"""What is installed is known, tried and used; what is not as it should be is named before it can do harm."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.stand_in import in_this_process, install

from edgeward.config import SIGNAL_TYPES, HashingSettings
from edgeward.errors import BadSignal, ConfigError
from edgeward.hashing import registry
from edgeward.hashing.signals import parse
from edgeward.types import HashList

TYPE = """
    from edgeward.hashing.signal_types import SignalType

    class Type(SignalType):
        name, bits, radius = "{name}", 64, 4
        {more}

        def hash(self, image):
            return bytes(8)
"""


def code(more: str = "", name: str = "other") -> str:
    return TYPE.format(name=name, more=more)


@pytest.fixture
def photodna(tmp_path: Path) -> Iterator[None]:
    with in_this_process(install(tmp_path)):
        yield


def test_what_ships_is_known() -> None:
    """PhotoDNA can be listed although no image has one; it has no radius, since nothing is compared."""
    assert tuple(registry.known()) == (*SIGNAL_TYPES, "pdq-dhash", "photodna")
    assert tuple(registry.available()) == (*SIGNAL_TYPES, "pdq-dhash")
    assert (registry.is_measured("photodna"), registry.furthest("photodna")) == (False, 0)
    assert (registry.is_measured("pdq"), registry.is_measured("md5"), registry.is_measured("new")) == (
        True,
        False,
        False,
    )


def test_the_radius_of_a_list_is_its_own_or_the_types() -> None:
    """A type that is unknown here matches exactly."""
    own = HashList("a", radius={"pdq": 10})
    assert [registry.radius_of(own, name) for name in ("pdq", "phash", "md5", "gone")] == [10, 6, 0, 0]
    assert (registry.furthest("pdq"), registry.furthest("md5")) == (64, 0)


@pytest.mark.usefixtures("photodna")
def test_an_installed_type_is_one_of_them() -> None:
    """It takes the place of the one that could not ship, with its radius and distance."""
    assert tuple(registry.available()) == (*SIGNAL_TYPES, "pdq-dhash", "photodna")
    assert (registry.default_radius("photodna"), registry.furthest("photodna")) == (600, 3000)
    assert registry.distance("photodna", "00" * 144, "ff01" * 72) == 72 * 256
    assert parse(f"photodna:{'0A' * 144}").value == "0a" * 144
    assert [kind.name for kind in registry.installed(("pdq", "photodna"))] == ["photodna"]
    assert registry.versions(("sha256", "photodna")) == ("1.0",)


@pytest.mark.usefixtures("photodna")
def test_settings_may_name_it() -> None:
    """An unknown name is refused with all that are known."""
    assert HashingSettings(signals=("sha256", "photodna")).signals == ("sha256", "photodna")
    with pytest.raises(ValueError, match=r"unknown signal type 'photo'; known are sha256, .*, dhash, photodna"):
        HashingSettings(signals=("sha256", "photodna", "photo"))


def test_settings_may_not_name_what_is_not_installed() -> None:
    """PhotoDNA can be listed, but not computed."""
    with pytest.raises(ValueError, match="unknown signal type 'photodna'"):
        HashingSettings(signals=("sha256", "photodna"))


def test_settings_may_not_name_what_is_composed() -> None:
    """It is said what a joint value is made of."""
    with pytest.raises(ValueError, match="'pdq-dhash' is not hashed but composed: name 'dhash' and 'pdq'"):
        HashingSettings(signals=("sha256", "pdq-dhash"))


def test_a_drafted_picture_does_only_if_all_say_so(tmp_path: Path) -> None:
    """A type that wants the whole picture in colour gets it."""
    assert registry.may_draft(SIGNAL_TYPES)
    install(tmp_path)
    install(tmp_path, code("drafted = True"), "other", "Type", by="other")
    with in_this_process(tmp_path):
        assert registry.may_draft(("pdq", "other"))
        assert not registry.may_draft(("pdq", "other", "photodna"))


def test_types_are_prepared_where_they_are_used(tmp_path: Path) -> None:
    """`prepare` is called for the types that are named, and what it raises ends the hasher's start."""
    more = "def prepare(self): raise OSError('no model')"
    with in_this_process(install(tmp_path, code(more), "other", "Type")):
        registry.prepare(("sha256", "pdq"))
        with pytest.raises(OSError, match="no model"):
            registry.prepare(("pdq", "other"))


@pytest.mark.parametrize(
    ("more", "named"),
    [
        ("name = 'else'", "its name 'else' must be that of the entry point"),
        ("bits = 63", "bits = 63 is no multiple of 8"),
        ("bits = '64'", "bits = '64' is no multiple of 8"),
        ("bits = 0", "bits = 0 is no multiple of 8"),
        ("radius = -1", "radius = -1 is not within 0 to 16"),
        ("radius = 17", "radius = 17 is not within 0 to 16"),
        ("radius = None", "radius = None is not"),
        ("radius = True", "radius = True is not"),
        ("max_radius = 3", "radius = 4 is not within 0 to 3"),
        ("distance = lambda self, one, other: 0", "max_radius is due"),
        ("max_radius, distance = 9, lambda self, one, other: 1", "must be a whole number, 0 of a value to itself"),
        ("max_radius, distance = 9, lambda self, one, other: other > one", "must be a whole number"),
        ("max_radius, distance = 9, lambda self, one, other: sum(one) / 2", "must be a whole number"),
        ("max_radius, distance = 9, lambda self: 0", "its distance raises TypeError"),
        ("max_radius, distances = 9, lambda self, one, others: [0, 0]", "its distances must be what its distance says"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, more: str, named: str) -> None:
    """A type that would fail at the first image, or match at random, is refused at the start."""
    expected = pytest.raises(ConfigError, match=f"'other' of stand-in 1.0: .*{named}")
    with in_this_process(install(tmp_path, code(more), "other", "Type")), expected:
        registry.known()


@pytest.mark.parametrize(
    ("name", "named"),
    [
        ("pdq", "a type of that name ships"),
        ("pdq-dhash", "a type of that name ships"),
        ("photodna", "it has 64 bits, and what is listed of it 1152"),
        ("Upper", "of a-z, 0-9, _ and -"),
    ],
)
def test_names_that_are_taken(tmp_path: Path, name: str, named: str) -> None:
    """Nobody replaces a type that ships, nor takes a name whose entries it could not match."""
    with in_this_process(install(tmp_path, code(name=name), name, "Type")), pytest.raises(ConfigError, match=named):
        registry.known()


def test_a_type_that_makes_no_hash_is_none(tmp_path: Path) -> None:
    """`hash` is what every type must write."""
    lacking = code().replace("def hash", "def hush")
    expected = pytest.raises(ConfigError, match=r"TypeError.*abstract")
    with in_this_process(install(tmp_path, lacking, "other", "Type")), expected:
        registry.known()


def test_an_unknown_type_is_refused_with_those_there_are() -> None:
    """Entries of types that nobody heard of are typing errors."""
    with pytest.raises(BadSignal, match=r"it must be one of sha256, .*, photodna"):
        parse("photodan:00")


def test_no_decoder_is_imported() -> None:
    """Proxies know the types, and neither Pillow nor numpy for it."""
    program = "import sys, edgeward.hashing.registry as r; r.known(); print({'PIL', 'numpy'} & set(sys.modules))"
    out = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, env={"PYTHONPATH": "addons"}
    )
    assert out.stdout == "set()\n"
