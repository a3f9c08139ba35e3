"""Where settings come from: defaults, file, environment. An unknown or impossible value is named."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from tests.settings.config_file import write_config

from edgeward.errors import ConfigError, Exit
from edgeward.settings.loading import load


def test_defaults_need_no_file() -> None:
    """Every setting has a default."""
    config = load(environ={})
    assert config.store.url == "embedded"
    assert config.proxy.placement == "front"


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("nope = 1", "nope"),
        ("[proxy]\nupstrem = 'http://a'", "proxy.upstrem"),
        ("[proxy]\nworkers = '2'", "proxy.workers"),
        ("[proxy]\nworkers = 0", "proxy.workers"),
        ("[proxy]\nlisten = 'localhost'", "proxy.listen"),
        ("[proxy]\nlisten = '127.0.0.1:99999'", "proxy.listen"),
        ("[proxy]\nupstream = 'ftp://a'", "proxy.upstream"),
        ("[proxy]\nupstream = 'http://a/path'", "proxy.upstream"),
        ("[proxy]\nplacement = 'side'", "proxy.placement"),
        ("[store]\nurl = 'mysql://a'", "store.url"),
        ("[store]\nnamespace = 'a b'", "store.namespace"),
        ("[hashing]\nsignals = ['pdq']", "hashing.signals"),
        ("[hashing]\nsignals = ['sha256', 'photodna']", "photodna"),
        ("[hashing]\nsignals = ['sha256', 'pdq-dhash']", "name 'dhash' and 'pdq'"),
        ("[hashing]\nmax_bytes = -1", "hashing.max_bytes"),
        ("[policy]\nerror = 'maybe'", "policy.error"),
        ("[policy]\nblocked_by = 'me'", "policy.blocked_by"),
        ("[[caches]]\nname = 'a'\ndriver = 'varnish'", '[[caches]] number 1 ("a"): url is required'),
        ("[[caches]]\nname = 'a'\ndriver = 'memcached'\nurl = 'http://a'", '[[caches]] number 1 ("a"): driver = '),
        ("[purge]\nrepeat_seconds = [0]", "purge.repeat_seconds"),
        ("proxy = 1", "proxy"),
        ("x = = 1", "line 1"),
        ("[policy]\nmethods = ['GET', 'get']", "policy.methods.1 = 'get': 'get' is not a method in capitals"),
        ("[policy]\nmethods = ['GE T']", "'GE T' is not a method"),
        ("[policy]\nmethods = ['']", "'' is not a method"),
        ("[policy]\nmethods = []", "policy.methods"),
        ("[policy]\nrefused_headers = ['a b']", "'a b' is not the name of a header"),
        ("state_dir = ''", "state_dir = '': must not be empty"),
        ("[[hosts]]\nname='x'\norigin='http://a'\n[[hosts]]\nname='X'\norigin='http://b'", "hosts: the name 'x'"),
    ],
)
def test_impossible_values_are_named(tmp_path: Path, text: str, names: str) -> None:
    """The message names the file and the key, and the exit status is 2."""
    path = write_config(tmp_path, text)
    with pytest.raises(ConfigError) as caught:
        load(path, {})
    assert names in str(caught.value)
    assert str(path) in str(caught.value)
    assert caught.value.exit_status is Exit.USER_ERROR


def test_all_errors_at_once(tmp_path: Path) -> None:
    """The message has one line for each mistake."""
    with pytest.raises(ConfigError) as caught:
        load(write_config(tmp_path, "a = 1\nb = 2"), {})
    assert len(str(caught.value).splitlines()) == 2


def test_missing_file_is_named() -> None:
    """A file that does not exist is named too."""
    with pytest.raises(ConfigError, match=r"nowhere\.toml: No such file"):
        load(Path("nowhere.toml"), {})


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("EDGEWARD_PROXY__WORKERS", "3", ("proxy", "workers", 3)),
        ("EDGEWARD_PROXY__UPSTREAM", "http://b:1", ("proxy", "upstream", "http://b:1")),
        ("EDGEWARD_PURGE__REPEAT_SECONDS", "[2, 3]", ("purge", "repeat_seconds", (2, 3))),
        ("EDGEWARD_POLICY__BLOCKED_BY", "https://b", ("policy", "blocked_by", "https://b")),
        ("EDGEWARD_STORE__REPLICAS", "0", ("store", "replicas", 0)),
        ("EDGEWARD_SWEEP__ENABLED", "false", ("sweep", "enabled", False)),
    ],
)
def test_environment_overrides(tmp_path: Path, name: str, value: str, expected: tuple[str, str, Any]) -> None:
    """Each key has a variable, which overrides the file."""
    config = load(write_config(tmp_path, "[proxy]\nworkers = 7\nupstream = 'http://a'"), {name: value})
    section, key, wanted = expected
    assert getattr(getattr(config, section), key) == wanted


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("EDGEWARD_NOPE", "1", "unknown setting nope"),
        ("EDGEWARD_PROXY__NOPE", "1", "unknown setting proxy.nope"),
        ("EDGEWARD_NOPE__KEY", "1", "unknown setting nope.key"),
        ("EDGEWARD_PROXY__WORKERS", "two", "'two' is not a number"),
        ("EDGEWARD_STORE__REPLICAS", "two", "'two' is not a number"),
        ("EDGEWARD_SWEEP__ENABLED", "maybe", "'maybe' is not true or false"),
        ("EDGEWARD_CACHES", "{", "'{' is not a JSON list"),
    ],
)
def test_impossible_variables_are_named(name: str, value: str, message: str) -> None:
    """An unknown variable with the prefix is an error too: it was meant for Edgeward."""
    with pytest.raises(ConfigError, match=rf"^{name}: {re.escape(message)}$"):
        load(None, {name: value})


CACHES = [{"name": f"c{number}", "driver": "varnish", "url": "http://127.0.0.1:1"} for number in range(11)]


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("EDGEWARD_STORE__REPLICAS", "99", "store.replicas = 99: must be 10 or less"),
        ("EDGEWARD_PROXY__LISTEN", "nowhere", "proxy.listen = 'nowhere': 'nowhere' is not HOST:PORT"),
        (
            "EDGEWARD_CACHES",
            json.dumps([*CACHES[:10], {**CACHES[10], "tier": 99}]),
            '[[caches]] number 11 ("c10"): tier',
        ),
        ("EDGEWARD_STATE_DIR", "", "state_dir = '': must not be empty"),
    ],
)
def test_a_wrong_variable_is_not_blamed_on_the_file(tmp_path: Path, name: str, value: str, message: str) -> None:
    """The line begins with the variable; a mistake of the file beside it with the file."""
    path = write_config(tmp_path, "[sweep]\nshare = 7")
    with pytest.raises(ConfigError) as caught:
        load(path, {name: value})
    lines = str(caught.value).splitlines()
    assert [line for line in lines if line.startswith(f"{name}: {message}")]
    assert [line for line in lines if line.startswith(f"{path}: sweep.share = 7")]
    assert len(lines) == 2


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("EDGEWARD_ADMIN__LISTEN", "127.0.0.1:9000"),
        ("EDGEWARD_STORE__REPLICAS", "1"),
        ("EDGEWARD_CACHES", json.dumps(CACHES[:1] * 2)),
    ],
)
def test_a_variable_that_contradicts_the_file_is_named(tmp_path: Path, name: str, value: str) -> None:
    """Beside the file: either may be wrong."""
    path = write_config(tmp_path, "[proxy]\nlisten = '127.0.0.1:9000'")
    with pytest.raises(ConfigError) as caught:
        load(path, {name: value, "EDGEWARD_SWEEP__SHARE": "0.5"})
    assert str(caught.value).startswith(f"{path}: ")
    assert str(caught.value).endswith(f" (set by {name})")


def test_variables_of_the_commands_are_not_settings() -> None:
    """EDGEWARD_CONFIG, _API, _TOKEN and those of the supervisor are left alone."""
    load(None, {"EDGEWARD_CONFIG": "x", "EDGEWARD_API": "x", "EDGEWARD_TOKEN": "x", "EDGEWARD_INTERNAL_PROXY_FD": "3"})


def test_state_dir_is_relative_to_the_file(tmp_path: Path) -> None:
    """A file means the same whatever the working directory."""
    assert load(write_config(tmp_path, "state_dir = 'state'"), {}).state_dir == tmp_path / "state"
    assert load(write_config(tmp_path, ""), {}).state_dir == tmp_path / ".state"


@pytest.mark.parametrize(
    "text", ["[store]\nurl = 'mysql://u:pw@a'", "[[caches]]\nname='a'\ndriver='varnish'\nurl='ftp://u:pw@a'"]
)
def test_passwords_are_not_repeated(tmp_path: Path, text: str) -> None:
    """The error about an impossible URL names its key and leaves its value out."""
    with pytest.raises(ConfigError, match=r"url: .*\(its value is not shown here\)") as caught:
        load(write_config(tmp_path, text), {})
    assert "pw" not in str(caught.value)
