"""The options that every command takes, and the settings they select."""

import argparse
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.stand_in import in_this_process, install

from edgeward.cli.main import parser
from edgeward.cli.options import checked_config, config_path, integer, load_config
from edgeward.cli.url_arguments import url_argument
from edgeward.errors import ConfigError, UserError


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


def _typed_options() -> Iterator[tuple[list[str], argparse.Action]]:
    """(the words of its command, the option) of every option whose text is checked here. URLs are by the API."""
    waiting: list[tuple[list[str], argparse.ArgumentParser]] = [([], parser())]
    while waiting:
        words, current = waiting.pop()
        for action in current._actions:
            if isinstance(action, argparse._SubParsersAction):
                waiting += [([*words, name], each) for name, each in action.choices.items()]
            elif action.option_strings and (action.type not in (None, str, Path, url_argument) or action.choices):
                yield words, action


TYPED = list(_typed_options())


@pytest.mark.parametrize("text", ["abc", "", "1e", "-", "1.5.2", "\udce9", "9" * 5000])
def test_a_wrong_value_names_its_option_and_what_is_expected(text: str) -> None:
    """In words: no name of a function or a type of Python."""
    command_line = parser()
    for words, action in TYPED:
        option = action.option_strings[-1]
        with pytest.raises(UserError) as caught:
            command_line.parse_args([*words, f"{option}={text}"])
        message = str(caught.value)
        assert f"argument {option}" in message
        assert not re.search(r"\binvalid \w+ value\b|_\w+ value|\bint\b|\bfloat\b|<function", message)
        assert re.search(r"is not|choose from|must be|TYPE=BITS", message)


def test_options_with_a_type_are_found() -> None:
    """The test above sees them."""
    assert {action.dest for _, action in TYPED} >= {"timeout", "limit", "quality", "radius", "mode", "role"}


@pytest.mark.parametrize("text", ["-1", "1.5", "1e3", "0x10", "1_000", "٣", "9" * 5000])
def test_a_number_is_written_in_digits(text: str) -> None:
    """Nothing else that Python takes for a number."""
    with pytest.raises(argparse.ArgumentTypeError, match="is not a whole number"):
        integer(text)
    assert integer("017") == 17


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[store]\nurl = 'redis+sentinel://a:1,b:2'", "store.url"),
        ("[store]\nurl = 'redis:/x'", "store.url"),
        ("[proxy]\nlisten = '127.0.0.1:1'\n[admin]\nlisten = '127.0.0.1:1'", "admin.listen"),
        ("[proxy]\nlisten = '127.0.0.1:1'\nupstream = 'http://127.0.0.1:1'", "proxy.upstream"),
        (f"state_dir = '/{'x' * 200}'", "state_dir"),
    ],
)
def test_what_no_process_could_start_with_is_refused(tmp_path: Path, text: str, message: str) -> None:
    """The same check is made by `config check` and by every process at its start."""
    path = tmp_path / "x.toml"
    path.write_text(text)
    for command in ("config check", "run", "proxy", "controller"):
        args = parser().parse_args([*command.split(), "-c", str(path)])
        with pytest.raises(ConfigError, match=re.escape(message)):
            args.command(args)
