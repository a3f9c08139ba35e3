"""Every setting in one typed model; what is unknown or impossible is named."""

from pathlib import Path
from typing import Any

import pytest

from edgeward.config import Config, load
from edgeward.errors import ConfigError, Exit
from edgeward.types import Flaw, Reason


def write(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "edgeward.toml"
    path.write_text(text)
    return path


def test_defaults_need_no_file() -> None:
    """Everything has a default."""
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
        ("[[caches]]\nname = 'a'\ndriver = 'varnish'", "caches.0.url"),
        ("[[caches]]\nname = 'a'\ndriver = 'memcached'\nurl = 'http://a'", "caches.0.driver"),
        ("[purge]\nrepeat_seconds = [0]", "purge.repeat_seconds"),
        ("proxy = 1", "proxy"),
        ("x = = 1", "line 1"),
    ],
)
def test_bad_values_are_named(tmp_path: Path, text: str, names: str) -> None:
    """The message names the file and the key; the command ends with status 2."""
    path = write(tmp_path, text)
    with pytest.raises(ConfigError) as caught:
        load(path, {})
    assert names in str(caught.value)
    assert str(path) in str(caught.value)
    assert caught.value.exit_status is Exit.USER_ERROR


def test_all_errors_at_once(tmp_path: Path) -> None:
    """An operator sees every mistake in one go."""
    with pytest.raises(ConfigError) as caught:
        load(write(tmp_path, "a = 1\nb = 2"), {})
    assert len(str(caught.value).splitlines()) == 2


def test_missing_file_is_named() -> None:
    """So is a file that isn't there."""
    with pytest.raises(ConfigError, match=r"nowhere\.toml: No such file"):
        load(Path("nowhere.toml"), {})


def test_two_caches_of_one_name(tmp_path: Path) -> None:
    """Names of caches are keys of metrics and queues."""
    cache = "[[caches]]\nname = 'edge'\ndriver = 'varnish'\nurl = 'http://a'\n"
    with pytest.raises(ConfigError, match="'edge'"):
        load(write(tmp_path, cache * 2), {})


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("EDGEWARD_PROXY__WORKERS", "3", ("proxy", "workers", 3)),
        ("EDGEWARD_PROXY__UPSTREAM", "http://b:1", ("proxy", "upstream", "http://b:1")),
        ("EDGEWARD_PURGE__REPEAT_SECONDS", "[2, 3]", ("purge", "repeat_seconds", (2, 3))),
        ("EDGEWARD_POLICY__BLOCKED_BY", "https://b", ("policy", "blocked_by", "https://b")),
    ],
)
def test_environment_overrides(tmp_path: Path, name: str, value: str, expected: tuple[str, str, Any]) -> None:
    """Each key has a variable, which wins over the file."""
    config = load(write(tmp_path, "[proxy]\nworkers = 7\nupstream = 'http://a'"), {name: value})
    section, key, wanted = expected
    assert getattr(getattr(config, section), key) == wanted


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("EDGEWARD_NOPE", "1"),
        ("EDGEWARD_PROXY__NOPE", "1"),
        ("EDGEWARD_NOPE__KEY", "1"),
        ("EDGEWARD_PROXY__WORKERS", "two"),
        ("EDGEWARD_CACHES", "{"),
    ],
)
def test_bad_variables_are_named(name: str, value: str) -> None:
    """An unknown variable of our prefix is an error too: it was meant for us."""
    with pytest.raises(ConfigError, match=name):
        load(None, {name: value})


def test_variables_of_the_commands_are_no_settings() -> None:
    """EDGEWARD_CONFIG, _API, _TOKEN and the supervisor's own pass."""
    load(None, {"EDGEWARD_CONFIG": "x", "EDGEWARD_API": "x", "EDGEWARD_TOKEN": "x", "EDGEWARD_INTERNAL_PROXY_FD": "3"})


def test_state_dir_is_relative_to_the_file(tmp_path: Path) -> None:
    """So a file means the same wherever a command is run."""
    assert load(write(tmp_path, "state_dir = 'state'"), {}).state_dir == tmp_path / "state"
    assert load(write(tmp_path, ""), {}).state_dir == tmp_path / ".state"


@pytest.mark.parametrize(
    "text", ["[store]\nurl = 'mysql://u:pw@a'", "[[caches]]\nname='a'\ndriver='varnish'\nurl='ftp://u:pw@a'"]
)
def test_passwords_are_not_repeated(tmp_path: Path, text: str) -> None:
    """An impossible URL is named by its key, without what it holds."""
    with pytest.raises(ConfigError, match=r"url: .*\(its value is not shown here\)") as caught:
        load(write(tmp_path, text), {})
    assert "pw" not in str(caught.value)


@pytest.mark.parametrize("section", ["caches", "hosts", "webhooks", "classifiers"])
def test_two_tables_of_one_name(tmp_path: Path, section: str) -> None:
    """Every table of an array has a name of its own, whatever it is about."""
    more = {
        "caches": "driver = 'varnish'\nurl = 'http://a'",
        "hosts": "origin = 'http://a'",
        "webhooks": "secret = '0123456789abcdef'\nhosts = ['*']",
        "classifiers": "sample = 0.5",
    }[section]
    with pytest.raises(ConfigError, match=f"{section}: two are named 'x'"):
        load(write(tmp_path, f"[[{section}]]\nname = 'x'\n{more}\n" * 2), {})


def test_the_origin_of_a_host(tmp_path: Path) -> None:
    """A host's own table wins over that of all others; in fill the upstream is the origin of those without one."""
    hosts = "[[hosts]]\nname = 'a.test'\norigin = 'http://a'\n[[hosts]]\nname = '*'\norigin = 'http://rest'\n"
    named = load(write(tmp_path, hosts), {})
    assert [named.origin_of(host) for host in ("a.test", "A.TEST", "b.test")] == ["http://a", "http://a", "http://rest"]
    front = load(write(tmp_path, "[proxy]\nupstream = 'http://up'"), {})
    fill = load(write(tmp_path, "[proxy]\nupstream = 'http://up'\nplacement = 'fill'"), {})
    assert (front.origin_of("a.test"), fill.origin_of("a.test")) == (None, "http://up")


def test_store_url() -> None:
    """The embedded store is reached by its socket."""
    assert load(environ={}).store_url.endswith("/.state/store.sock")
    assert load(environ={"EDGEWARD_STORE__URL": "redis://a"}).store_url == "redis://a"


def test_every_flaw_has_a_policy() -> None:
    """What can't be checked is a decision of the operator's, for every reason there is."""
    for reason in (*Flaw, Reason.NOT_READY, Reason.ERROR):
        assert Config().decide(reason) in ("deliver", "block")


def test_every_setting_says_what_it_means() -> None:
    """Each key has a description: the docs are made of them."""
    for section, field in Config.model_fields.items():
        fields = getattr(field.annotation, "model_fields", {section: field})
        assert all(inner.description for inner in fields.values()), section
