"""The options that every command takes, and the settings they select."""

import argparse
from pathlib import Path

import pytest
from tests.support.stand_in import in_this_process, install

from edgeward.cli.main import parser
from edgeward.cli.options import checked_config, config_path, load_config
from edgeward.errors import ConfigError


@pytest.mark.parametrize("argv", [["--json", "-c", "x.toml", "lists"], ["lists", "--json", "--config", "x.toml"]])
def test_common_options_stand_before_or_after_the_command(argv: list[str]) -> None:
    """--json and -c may stand before or after the name of the command."""
    args = parser().parse_args(argv)
    assert (args.json, args.config) == (True, Path("x.toml"))


def test_common_options_have_defaults() -> None:
    """Without options: text output and no settings file."""
    args = parser().parse_args(["lists"])
    assert (args.json, args.config) == (False, None)


def test_the_file_of_the_command_line_wins(monkeypatch: pytest.MonkeyPatch) -> None:
    """-c comes before EDGEWARD_CONFIG."""
    monkeypatch.setenv("EDGEWARD_CONFIG", "env.toml")
    assert config_path(argparse.Namespace(config=Path("x.toml"))) == Path("x.toml")
    assert config_path(argparse.Namespace(config=None)) == Path("env.toml")


def test_no_file_means_defaults() -> None:
    """Without a file the defaults apply."""
    assert load_config(argparse.Namespace(config=None)).state_dir == Path(".state")


def test_plug_ins_are_checked_with_the_settings(tmp_path: Path) -> None:
    """A broken signal type is an error that names it."""
    assert checked_config(argparse.Namespace(config=None)).state_dir == Path(".state")
    with in_this_process(install(tmp_path, "1 / 0")), pytest.raises(ConfigError, match="'photodna' of stand-in"):
        checked_config(argparse.Namespace(config=None))
