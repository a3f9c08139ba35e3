"""Installed types are loaded, checked and used; a faulty one is named before it can do harm."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.stand_in import in_this_process, install

from edgeward.errors import BadSignal, ConfigError
from edgeward.hashing import signal_registry
from edgeward.hashing.signals import parse
from edgeward.settings.config import SIGNAL_TYPES, HashingSettings
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


def test_types_that_ship_are_listable() -> None:
    """PhotoDNA can be listed although images have no such signal; it has no radius, since nothing is compared."""
    assert tuple(signal_registry.listable_types()) == (*SIGNAL_TYPES, "pdq-dhash", "photodna")
    assert tuple(signal_registry.hashable_types()) == (*SIGNAL_TYPES, "pdq-dhash")
    assert (signal_registry.has_distance("photodna"), signal_registry.max_radius("photodna")) == (False, 0)
    with_distance = [name for name in ("pdq", "md5", "new") if signal_registry.has_distance(name)]
    assert with_distance == ["pdq"]


def test_the_radius_of_a_list_is_its_own_or_the_types() -> None:
    """The radius of an unknown type is 0."""
    own = HashList("a", radius={"pdq": 10})
    assert [signal_registry.radius_of(own, name) for name in ("pdq", "phash", "md5", "gone")] == [10, 6, 0, 0]
    assert (signal_registry.max_radius("pdq"), signal_registry.max_radius("md5")) == (64, 0)


@pytest.mark.usefixtures("photodna")
def test_an_installed_type_is_listable_and_hashable() -> None:
    """It replaces the type that does not ship, with its own radius and distance."""
    assert tuple(signal_registry.hashable_types()) == (*SIGNAL_TYPES, "pdq-dhash", "photodna")
    assert (signal_registry.default_radius("photodna"), signal_registry.max_radius("photodna")) == (600, 3000)
    assert signal_registry.distance("photodna", "00" * 144, "ff01" * 72) == 72 * 256
    assert parse(f"photodna:{'0A' * 144}").value == "0a" * 144
    assert [kind.name for kind in signal_registry.installed_types(("pdq", "photodna"))] == ["photodna"]
    assert signal_registry.versions(("sha256", "photodna")) == ("1.0",)


@pytest.mark.usefixtures("photodna")
def test_settings_may_name_it() -> None:
    """The error for an unknown name lists all known names."""
    assert HashingSettings(signals=("sha256", "photodna")).signals == ("sha256", "photodna")
    with pytest.raises(ValueError, match=r"unknown signal type 'photo'; known are sha256, .*, dhash, photodna"):
        HashingSettings(signals=("sha256", "photodna", "photo"))


def test_settings_may_not_name_what_is_not_installed() -> None:
    """PhotoDNA can be listed, but not computed."""
    with pytest.raises(ValueError, match="unknown signal type 'photodna'"):
        HashingSettings(signals=("sha256", "photodna"))


def test_settings_may_not_name_what_is_composed() -> None:
    """The error says what a composite value is made of."""
    with pytest.raises(ValueError, match="'pdq-dhash' is composed of other types: name 'dhash' and 'pdq' instead"):
        HashingSettings(signals=("sha256", "pdq-dhash"))


def test_draft_mode_needs_the_consent_of_all_types(tmp_path: Path) -> None:
    """If a type needs the whole picture in colour, JPEGs are decoded in full."""
    assert signal_registry.may_draft(SIGNAL_TYPES)
    install(tmp_path)
    install(tmp_path, code("drafted = True"), "other", "Type", by="other")
    with in_this_process(tmp_path):
        assert signal_registry.may_draft(("pdq", "other"))
        assert not signal_registry.may_draft(("pdq", "other", "photodna"))


def test_only_named_types_are_prepared(tmp_path: Path) -> None:
    """`prepare` is called for the named types only, and its exceptions pass through."""
    more = "def prepare(self): raise OSError('no model')"
    with in_this_process(install(tmp_path, code(more), "other", "Type")):
        signal_registry.prepare(("sha256", "pdq"))
        with pytest.raises(OSError, match="no model"):
            signal_registry.prepare(("pdq", "other"))


@pytest.mark.parametrize(
    ("more", "named"),
    [
        ("name = 'else'", "its name 'else' must equal the entry point's"),
        ("bits = 63", "bits = 63 is not a multiple of 8"),
        ("bits = '64'", "bits = '64' is not a multiple of 8"),
        ("bits = 0", "bits = 0 is not a multiple of 8"),
        ("radius = -1", "radius = -1 is not within 0 to 16"),
        ("radius = 17", "radius = 17 is not within 0 to 16"),
        ("radius = None", "radius = None is not"),
        ("radius = True", "radius = True is not"),
        ("max_radius = 3", "radius = 4 is not within 0 to 3"),
        ("distance = lambda self, one, other: 0", "max_radius is required"),
        ("max_radius, distance = 9, lambda self, one, other: 1", "must be a whole number, 0 for equal values"),
        ("max_radius, distance = 9, lambda self, one, other: other > one", "must be a whole number"),
        ("max_radius, distance = 9, lambda self, one, other: sum(one) / 2", "must be a whole number"),
        ("max_radius, distance = 9, lambda self: 0", "its distance raises TypeError"),
        ("max_radius, distances = 9, lambda self, one, others: [0, 0]", "its distances must equal its distance"),
    ],
)
def test_faulty_types_are_named(tmp_path: Path, more: str, named: str) -> None:
    """A type that would fail at the first image, or match at random, is refused at the start."""
    expected = pytest.raises(ConfigError, match=f"'other' of stand-in 1.0: .*{named}")
    with in_this_process(install(tmp_path, code(more), "other", "Type")), expected:
        signal_registry.listable_types()


@pytest.mark.parametrize(
    ("name", "named"),
    [
        ("pdq", "Edgeward ships a type of this name"),
        ("pdq-dhash", "Edgeward ships a type of this name"),
        ("photodna", "it has 64 bits, but its listed values have 1152"),
        ("Upper", "of a-z, 0-9, _ and -"),
    ],
)
def test_taken_names_are_refused(tmp_path: Path, name: str, named: str) -> None:
    """A type can't replace one that ships, nor take a name whose listed values have another length."""
    with in_this_process(install(tmp_path, code(name=name), name, "Type")), pytest.raises(ConfigError, match=named):
        signal_registry.listable_types()


def test_a_type_without_hash_is_refused(tmp_path: Path) -> None:
    """Every type must define `hash`."""
    lacking = code().replace("def hash", "def hush")
    expected = pytest.raises(ConfigError, match=r"TypeError.*abstract")
    with in_this_process(install(tmp_path, lacking, "other", "Type")), expected:
        signal_registry.listable_types()


def test_an_unknown_type_is_refused_with_the_known_ones() -> None:
    """The error for a misspelt type lists all known types."""
    with pytest.raises(BadSignal, match=r"it must be one of sha256, .*, photodna"):
        parse("photodan:00")


def test_no_decoder_is_imported() -> None:
    """Proxies can list all types without importing Pillow or numpy."""
    program = (
        "import sys; from edgeward.hashing.signal_registry import listable_types;"
        "listable_types(); print({'PIL', 'numpy'} & set(sys.modules))"
    )
    out = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, env={"PYTHONPATH": "addons"}
    )
    assert out.stdout == "set()\n"
