"""The whole command line: exit statuses of real processes, start-up time, and docs/commands.md."""

import argparse
import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import pytest
from tests.support.programs import free_port

from edgeward import __version__
from edgeward.cli import main
from edgeward.errors import ConfigError, UserError

ROOT = Path(__file__).parents[2]
DOCUMENT = (ROOT / "docs" / "commands.md").read_text()
HEAVY = ("mitmproxy", "PIL", "numpy", "aiohttp", "redis", "pydantic", "prometheus_client")


def _run(*argv: object, **environ: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "edgeward", *map(str, argv)],
        env={**os.environ, "PYTHONPATH": str(ROOT / "addons"), **environ},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def _python(code: str) -> str:
    """What another Python prints."""
    environ = {**os.environ, "PYTHONPATH": str(ROOT / "addons")}
    return subprocess.run([sys.executable, "-c", code], env=environ, capture_output=True, text=True, check=True).stdout


def _commands(parser: argparse.ArgumentParser, path: str = "edgeward") -> Iterator[tuple[str, argparse.ArgumentParser]]:
    """Every command by its full name: those without sub-commands, and those that do something by themselves."""
    groups = [action for action in parser._actions if isinstance(action, argparse._SubParsersAction)]
    if not groups or parser.get_default("command"):
        yield path, parser
    for group in groups:
        for name, inner in group.choices.items():
            yield from _commands(inner, f"{path} {name}")


COMMANDS = dict(_commands(main.parser()))


def test_version() -> None:
    """--version prints the package's version."""
    ended = _run("--version")
    assert (ended.returncode, ended.stdout) == (0, f"edgeward {__version__}\n")


def test_help_imports_no_large_library() -> None:
    """`edgeward --help` is fast because it imports no large library."""
    code = (
        "import sys; from edgeward.cli.main import parser; parser().format_help(); "
        f"print(set({HEAVY!r}) & sys.modules.keys())"
    )
    assert _python(code) == "set()\n"


def test_a_command_imports_only_its_own_module() -> None:
    """The table of commands is that of the modules. For one command the modules of others are not imported."""
    for module, commands in main.COMMANDS.items():
        subparsers = argparse.ArgumentParser().add_subparsers()
        import_module(f"edgeward.cli.{module}").add_parser(subparsers)
        assert tuple(subparsers.choices) == tuple(commands)
    code = "import sys; from edgeward.cli.main import parser; parser(['run']); print(*sys.modules)"
    loaded = _python(code).split()
    assert "edgeward.cli.processes" in loaded
    assert not {"edgeward.cli.lists", "edgeward.cli.client", "http.client"} & set(loaded)


@pytest.mark.parametrize(
    ("argv", "status", "message"),
    [
        (["no-such-command"], 2, "unknown command 'no-such-command' (see `edgeward --help`)"),
        (["takdown"], 2, "unknown command 'takdown': did you mean takedown?"),
        (["list", "creat"], 2, "unknown command 'creat': did you mean create? (see `edgeward list --help`)"),
        (["lists", "--no-such-option"], 2, "--no-such-option (see `edgeward lists --help`)"),
        (["add", "court", "--hash", "pdq:00", "quality", "100"], 2, "quality 100 (see `edgeward add --help`)"),
        (["config", "check", "-c", "/no/such.toml"], 2, "/no/such.toml: No such file"),
        (["hash", "/no/such.jpg"], 2, "/no/such.jpg: no such file"),
        (["add", "court", "--hash", "pdq:xyz"], 2, "xyz"),
        (["add", "court", "--hash", f"pdq:{'0' * 64}"], 2, "pdq:000"),
        (["add", "court", "--hash", "md5:d41d8cd98f00b204e9800998ecf8427e"], 2, "md5:d41d8cd9"),
        (["add", "court", "--hash", "sha256:00"], 2, "sha256:00"),
        (["demo", "--images", "/no/such"], 2, "/no/such: no such directory"),
    ],
)
def test_an_error_is_one_line_and_its_status(
    argv: list[str], status: int, message: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """An error is one line on stderr that names what is wrong, without a traceback; stdout is empty."""
    monkeypatch.setattr(sys, "argv", ["edgeward", *argv])
    with pytest.raises(SystemExit) as ended:
        main.run()
    out, err = capsys.readouterr()
    assert (ended.value.code, out) == (status, "")
    assert re.fullmatch(rf"edgeward: .*{re.escape(message)}.*\n", err), err


def test_no_command_prints_the_help() -> None:
    """Plain `edgeward` prints the help to stderr, with the status of a wrong command."""
    ended = _run()
    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr.startswith("usage: edgeward")


def test_a_service_that_is_away_is_status_3(tmp_path: Path) -> None:
    """A command that can't reach the API ends with 3 and names it."""
    url = f"http://127.0.0.1:{free_port()}"
    ended = _run("lists", EDGEWARD_API=url, EDGEWARD_TOKEN="ew_x")
    assert (ended.returncode, ended.stdout) == (3, "")
    assert re.fullmatch(rf"edgeward: .*{re.escape(url)}.*\n", ended.stderr), ended.stderr
    path = tmp_path / "x.toml"
    path.write_text("")
    local = _run("lists", "-c", path, EDGEWARD_STATE_DIR=str(tmp_path))
    assert local.returncode == 3
    assert "api.json is missing" in local.stderr


def test_an_error_as_json() -> None:
    """With --json an error is a JSON object on stdout."""
    ended = _run("config", "check", "-c", "/no/such.toml", "--json")
    assert ended.returncode == 2
    error = json.loads(ended.stdout)
    assert error == {"error": "/no/such.toml: No such file or directory", "kind": "ConfigError", "exit_status": 2}


def test_a_closed_pipe_gives_no_traceback() -> None:
    """`edgeward … | head -1` ends without a message."""
    process = subprocess.Popen(
        [sys.executable, "-m", "edgeward", "config", "show"],
        env={**os.environ, "PYTHONPATH": str(ROOT / "addons")},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdout
    assert process.stderr
    process.stdout.close()
    assert process.wait(60) == main.PIPE_CLOSED
    assert process.stderr.read() == b""
    process.stderr.close()


def test_ctrl_c_is_status_130(monkeypatch: pytest.MonkeyPatch) -> None:
    """KeyboardInterrupt ends a command with 130, as shells expect."""
    monkeypatch.setattr(main, "main", _interrupted)
    with pytest.raises(SystemExit) as ended:
        main.run()
    assert ended.value.code == 130


def _interrupted(_: object) -> int:
    raise KeyboardInterrupt


def test_main_raises_what_commands_raise() -> None:
    """`main` raises errors; only `run` turns them into an exit status."""
    with pytest.raises(ConfigError):
        main.main(["config", "check", "-c", "/no/such.toml"])
    with pytest.raises(UserError):
        main.main(["check"])


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_takes_the_common_options(name: str) -> None:
    """Every command has --json and -c."""
    assert {"--json", "--config", "-c"} <= COMMANDS[name]._option_string_actions.keys()


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_is_documented(name: str) -> None:
    """docs/commands.md has a section with each argument, an example and the exit statuses."""
    section = _section(name)
    assert re.search(rf"^(\w+=\S+ )?{name}\b", section, re.MULTILINE), "no example"
    assert "\nExit status: 0" in section
    for action in COMMANDS[name]._actions:
        for option in action.option_strings:
            if option not in ("-h", "--help", "--json", "-c", "--config"):
                assert f"`{option}" in section, option
        if not action.option_strings and action.metavar:
            assert f"`{action.metavar}`" in section, action.metavar


def _section(name: str) -> str:
    found = re.search(rf"^### `{name}`\n(.*?)(?=^##|\Z)", DOCUMENT, re.MULTILINE | re.DOTALL)
    assert found, f"docs/commands.md has no section ### `{name}`"
    return found[1]


def test_the_document_has_no_other_commands() -> None:
    """The document has no command that does not exist."""
    assert set(re.findall(r"^### `(.*)`$", DOCUMENT, re.MULTILINE)) == set(COMMANDS)


def test_the_document_says_which_commands_use_the_api() -> None:
    """Each command is in one of the two lists: clients of the admin API, and commands that need no API."""
    _, _, rest = DOCUMENT.partition("## Which Edgeward a command talks to\n")
    clients, _, others = rest.partition("\n##")[0].partition("```sh")
    listed = [re.findall(r"`([a-z-]+)`", text) for text in (clients, others)]
    assert sorted([*listed[0], *listed[1]]) == sorted({name.split()[1] for name in COMMANDS})
    uses_client = {name.split()[1] for name, parser in COMMANDS.items() if _uses_client(parser)}
    assert set(listed[0]) == uses_client


def _uses_client(parser: argparse.ArgumentParser) -> bool:
    return hasattr(sys.modules[parser.get_default("command").__module__], "Client")


EXAMPLES = re.findall(r"^(?:\w+=\S+ )?edgeward (.*)$", DOCUMENT, re.MULTILINE)


@pytest.mark.parametrize("example", EXAMPLES)
def test_every_example_is_a_command(example: str) -> None:
    """The command line accepts every example of the document."""
    main.parser().parse_args(shlex.split(example))


def test_every_choice_is_documented() -> None:
    """Each value of an option is in the section of its command."""
    for name, parser in COMMANDS.items():
        for action in parser._actions:
            for choice in action.choices or ():
                assert re.search(
                    rf"\b{re.escape(str(choice))}\b", _section(name)
                ) or "as for `list create`" in _section(name), f"{name}: {choice}"
