"""`config check`, `config show`, and the two documents that hold every setting."""

import json
import re
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel
from tests.cli.conftest import Ended

from edgeward.cache_settings import KINDS, CacheSettings, driver_of, parse_cache
from edgeward.cli import toml
from edgeward.cli.settings import shown
from edgeward.config import ClassifierSettings, Config, HostSettings, WebhookSettings, load
from edgeward.errors import ConfigError

ROOT = Path(__file__).parents[2]
REFERENCE = ROOT / "config" / "edgeward.toml"
DOCUMENT = ROOT / "docs" / "settings.md"

TABLES: dict[str, tuple[type[BaseModel], ...]] = {
    "caches": (CacheSettings, *KINDS),
    "hosts": (HostSettings,),
    "webhooks": (WebhookSettings,),
    "classifiers": (ClassifierSettings,),
}
"""The arrays of tables, each with the models of its tables."""

type Run = Callable[..., Ended]


def _defaults() -> dict[str, Any]:
    return Config().model_dump(mode="json")


def _uncommented(text: str) -> str:
    """The reference with the settings in force that it shows behind a "#"."""
    return re.sub(r"^#(?! |$)", "", text, flags=re.MULTILINE)


def _settings(model: type[BaseModel], prefix: str = "") -> Iterator[tuple[str, str, Any, str]]:
    """(section, key, default or ..., description) of every setting."""
    for key, field in model.model_fields.items():
        if isinstance(field.default, BaseModel):
            yield from _settings(type(field.default), key)
        elif not prefix and key in TABLES:
            for table in TABLES[key]:
                yield from _settings(table, key)
        else:
            default = ... if field.is_required() else field.get_default(call_default_factory=True)
            yield prefix, key, default, field.description or ""


def _documented() -> Iterator[tuple[str, str, Any, str]]:
    """The settings that have a row in the document: of a kind of cache only what not every cache has alike."""
    shared = list(_settings(CacheSettings, "caches"))
    kinds = {kind: [row for row in _settings(kind, "caches") if row not in shared] for kind in KINDS}
    yield from (row for row in _settings(Config) if row[0] != "caches")
    yield from shared
    yield from (row for rows in kinds.values() for row in rows if row[1] != "driver")


def test_check_says_ok(edgeward: Run) -> None:
    """Possible settings are answered with ok and status 0."""
    ended = edgeward("config", "check", "-c", REFERENCE)
    assert (ended.status, ended.out) == (0, "ok\n")


def test_check_as_json(edgeward: Run) -> None:
    """--json says which file was read."""
    assert edgeward("config", "check", "-c", REFERENCE, "--json").json == {"ok": True, "config": str(REFERENCE)}


def test_check_names_every_impossible_key(edgeward: Run, tmp_path: Path) -> None:
    """All mistakes are named at once, each by its key."""
    path = tmp_path / "x.toml"
    path.write_text("[proxy]\nworkers = 0\nwrokers = 3\n")
    with pytest.raises(ConfigError, match=r"(?s)proxy\.workers.*proxy\.wrokers") as caught:
        edgeward("config", "check", "-c", path)
    assert caught.value.exit_status == 2


def test_the_config_variable_names_the_file(edgeward: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """EDGEWARD_CONFIG is used where -c is not given."""
    path = tmp_path / "x.toml"
    path.write_text("[proxy]\nworkers = 7\n")
    monkeypatch.setenv("EDGEWARD_CONFIG", str(path))
    assert edgeward("config", "show", "--json").json["proxy"]["workers"] == 7


def test_show_prints_what_takes_effect(edgeward: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Shown settings are defaults, file and environment together, and are TOML that loads again."""
    monkeypatch.setenv("EDGEWARD_PROXY__WORKERS", "5")
    values = tomllib.loads(edgeward("config", "show").out)
    assert values["proxy"]["workers"] == 5
    assert Config.model_validate(values).proxy.workers == 5


def test_secrets_are_hidden(edgeward: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither a cache's secret nor a password in a URL is ever shown, in TOML or JSON."""
    nodes = [
        {"name": "v", "driver": "varnish", "url": "http://user:hush1@127.0.0.1:6081", "secret": "hush2"},
        {"name": "c", "driver": "cloudflare", "zone": "0" * 32, "token": "hush6"},
        {"name": "g", "driver": "generic", "url": "http://127.0.0.1:1", "headers": {"Authorization": "hush7"}},
    ]
    webhook = {"name": "w", "secret": "hush8-and-more-of-it", "hosts": ["*"]}
    host = {"name": "h", "origin": "http://u:hush9@127.0.0.1:1"}
    monkeypatch.setenv("EDGEWARD_CACHES", json.dumps(nodes))
    monkeypatch.setenv("EDGEWARD_WEBHOOKS", json.dumps([webhook]))
    monkeypatch.setenv("EDGEWARD_HOSTS", json.dumps([host]))
    monkeypatch.setenv("EDGEWARD_STORE__URL", "rediss://u:hush3@redis:6380/0?password=hush4&x=1")
    monkeypatch.setenv("EDGEWARD_PROXY__UPSTREAM", "http://u:hush5@127.0.0.1:1")
    for options in ([], ["--json"]):
        out = edgeward("config", "show", *options).out
        assert "hush" not in out
        assert "rediss://u:***@redis:6380/0?password=***&x=1" in out


def test_what_is_no_secret_is_shown_as_it_is() -> None:
    """URLs without a password, and an empty secret, are not touched."""
    node = parse_cache({"name": "v", "driver": "varnish", "url": "http://127.0.0.1:6081"})
    values = shown(Config(caches=(node,)))
    assert values["caches"][0]["secret"] == ""
    assert values["caches"][0]["url"] == "http://127.0.0.1:6081"
    assert values["store"]["url"] == "embedded"


def test_the_reference_holds_the_defaults() -> None:
    """config/edgeward.toml has every key with its default; only what has no default is behind a "#"."""
    values = tomllib.loads(REFERENCE.read_text())
    defaults = _defaults()
    for name in TABLES:
        del defaults[name]
    defaults["policy"].pop("blocked_by")
    defaults["store"].pop("replicas")
    assert values == defaults


def test_the_reference_shows_what_has_no_default() -> None:
    """With every "#" taken away it holds every key there is, and they are possible."""
    values = tomllib.loads(_uncommented(REFERENCE.read_text()))
    config = Config.model_validate(values)
    assert config.policy.blocked_by
    assert {(section, key) for section, key, *_ in _settings(Config)} == set(_keys(values))
    assert [cache.driver for cache in config.caches] == [driver_of(kind) for kind in KINDS]
    for cache, table in zip(config.caches, values["caches"], strict=True):
        assert set(type(cache).model_fields) == set(table), cache.driver


def _keys(values: dict[str, Any]) -> Iterator[tuple[str, str]]:
    for name, value in values.items():
        if isinstance(value, dict):
            yield from ((name, key) for key in value)
        elif name in TABLES:
            yield from ((name, key) for table in value for key in table)
        else:
            yield "", name


def test_the_reference_says_what_each_key_means() -> None:
    """The comment above a key is the model's description."""
    text = " ".join(line.removeprefix("# ") for line in REFERENCE.read_text().splitlines())
    for section, key, _, description in _settings(Config):
        assert " ".join(description.split()) in text, f"{section}.{key}"


def test_the_reference_loads() -> None:
    """It can be used as it is; its state_dir lies beside it."""
    assert load(REFERENCE, {}).state_dir == REFERENCE.parent / ".state"


@pytest.mark.parametrize(("section", "key", "default", "description"), list(_documented()))
def test_the_document_has_a_row_for_every_setting(section: str, key: str, default: Any, description: str) -> None:
    """docs/settings.md names the key, its variable, its default and its meaning."""
    variable = (
        "-" if section in TABLES else "_".join(filter(None, ("EDGEWARD", section and f"{section}_", key))).upper()
    )
    plain = list(default) if isinstance(default, tuple) else str(default) if isinstance(default, Path) else default
    written = "(must be given)" if default is ... else "not set" if default is None else f"`{toml.literal(plain)}`"
    cells = f"| `{key}` | {'-' if variable == '-' else f'`{variable}`'} | {written} |"
    rows = [line for line in DOCUMENT.read_text().splitlines() if line.startswith(cells)]
    assert rows, f"docs/settings.md has no row that begins {cells}"
    assert any(row.replace("\\|", "|").endswith(f"| {' '.join(description.split())} |") for row in rows)


def test_the_document_has_no_row_for_anything_else() -> None:
    """A setting that is gone is gone from the document too."""
    rows = re.findall(r"^\| `(\w+)` \|", DOCUMENT.read_text(), re.MULTILINE)
    assert sorted(rows) == sorted(key for _, key, *_ in _documented())
