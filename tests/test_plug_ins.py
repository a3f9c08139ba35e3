"""Classes that are installed beside the package are found by name, and whatever is wrong with one is named."""

from pathlib import Path

import pytest
from tests.stand_in import in_this_process, install

from edgeward import plug_ins
from edgeward.errors import ConfigError

CODE = """
    class Base:
        pass

    class Raises:
        def __init__(self):
            raise OSError("no model here")
"""


def loaded(directory: Path, base: type = object) -> object:
    with in_this_process(directory):
        [entry] = plug_ins.found(plug_ins.SIGNALS).values()
        return plug_ins.load(entry, base)


def test_nothing_is_installed() -> None:
    """Without others there is nothing to find."""
    assert plug_ins.names(plug_ins.SIGNALS) == ()
    assert plug_ins.found(plug_ins.SIGNALS) == {}


def test_names_are_read_without_loading(tmp_path: Path) -> None:
    """Settings can be checked against what is installed although that is broken."""
    with in_this_process(install(tmp_path, "1 / 0")):
        assert plug_ins.names(plug_ins.SIGNALS) == ("photodna",)


def test_an_object_of_the_class_is_made(tmp_path: Path) -> None:
    """The entry point's class is made without arguments."""
    assert type(loaded(install(tmp_path, CODE, kind="Base"))).__name__ == "Base"


@pytest.mark.parametrize(
    ("code", "kind", "named"),
    [
        ("1 / 0", "Base", "ZeroDivisionError: division by zero"),
        ("import none_such", "Base", "ModuleNotFoundError: No module named 'none_such'"),
        ("broken syntax", "Base", "SyntaxError"),
        (CODE, "None_Such", "AttributeError"),
        (CODE, "Raises", "OSError: no model here"),
        (CODE, "Base", "stand_in:Base is no class under builtins.str"),
    ],
)
def test_what_is_broken_is_named(tmp_path: Path, code: str, kind: str, named: str) -> None:
    """The message says whose it is and what is wrong."""
    with pytest.raises(ConfigError, match=f"^edgeward.signals 'photodna' of stand-in 1.0: {named}"):
        loaded(install(tmp_path, code, kind=kind), str)


def test_two_of_one_name_are_one_too_many(tmp_path: Path) -> None:
    """Which of them would be meant can't be told."""
    for by in ("one", "two"):
        install(tmp_path, CODE, by=by)
    with in_this_process(tmp_path), pytest.raises(ConfigError, match="has the same name"):
        plug_ins.found(plug_ins.SIGNALS)
