"""Plug-ins are found by their entry points, and an error names the plug-in and what is wrong with it."""

from pathlib import Path

import pytest
from tests.support.stand_in import in_this_process, install

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
        [entry] = plug_ins.entry_points_of(plug_ins.SIGNAL_GROUP).values()
        return plug_ins.load(entry, base)


def test_nothing_is_installed() -> None:
    """Without other distributions there are no plug-ins."""
    assert plug_ins.installed_names(plug_ins.SIGNAL_GROUP) == ()
    assert plug_ins.entry_points_of(plug_ins.SIGNAL_GROUP) == {}


def test_names_are_read_without_loading(tmp_path: Path) -> None:
    """Settings can be checked against the installed names even if a plug-in is broken."""
    with in_this_process(install(tmp_path, "1 / 0")):
        assert plug_ins.installed_names(plug_ins.SIGNAL_GROUP) == ("photodna",)


def test_an_object_of_the_class_is_made(tmp_path: Path) -> None:
    """The class of the entry point is instantiated without arguments."""
    assert type(loaded(install(tmp_path, CODE, kind="Base"))).__name__ == "Base"


@pytest.mark.parametrize(
    ("code", "kind", "named"),
    [
        ("1 / 0", "Base", "ZeroDivisionError: division by zero"),
        ("import none_such", "Base", "ModuleNotFoundError: No module named 'none_such'"),
        ("broken syntax", "Base", "SyntaxError"),
        (CODE, "None_Such", "AttributeError"),
        (CODE, "Raises", "OSError: no model here"),
        (CODE, "Base", "stand_in:Base is not a subclass of builtins.str"),
    ],
)
def test_what_is_broken_is_named(tmp_path: Path, code: str, kind: str, named: str) -> None:
    """The message names the distribution and what is wrong."""
    with pytest.raises(ConfigError, match=f"^edgeward.signals 'photodna' of stand-in 1.0: {named}"):
        loaded(install(tmp_path, code, kind=kind), str)


def test_two_of_one_name_are_refused(tmp_path: Path) -> None:
    """Two distributions with the same name for a plug-in are an error: it is unclear which is meant."""
    for by in ("one", "two"):
        install(tmp_path, CODE, by=by)
    with in_this_process(tmp_path), pytest.raises(ConfigError, match="has the same name"):
        plug_ins.entry_points_of(plug_ins.SIGNAL_GROUP)
