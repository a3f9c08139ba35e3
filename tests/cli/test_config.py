"""`config check`, `config show`, and the two documents that hold every setting."""

import json
import re
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, get_args

import pytest
from pydantic import BaseModel
from pydantic.fields import FieldInfo
from tests.cli.conftest import Ended

from edgeward.cli import toml
from edgeward.cli.config import shown
from edgeward.errors import ConfigError
from edgeward.settings.cache_settings import CACHE_TYPES, CacheSettings, driver_of, parse_cache
from edgeward.settings.config import ClassifierSettings, Config, HostSettings, WebhookSettings
from edgeward.settings.descriptions import descriptions
from edgeward.settings.loading import load
from edgeward.settings.scan_settings import ScanException

ROOT = Path(__file__).parents[2]
REFERENCE = ROOT / "config" / "edgeward.toml"
DOCUMENT = ROOT / "docs" / "settings.md"

TABLES: dict[str, tuple[type[BaseModel], ...]] = {
    "caches": (CacheSettings, *CACHE_TYPES),
    "hosts": (HostSettings,),
    "webhooks": (WebhookSettings,),
    "classifiers": (ClassifierSettings,),
    "scan_exceptions": (ScanException,),
}
"""The arrays of tables, each with the models of its tables."""

DRIVERS = tuple(map(driver_of, CACHE_TYPES))

type Run = Callable[..., Ended]


def _defaults() -> dict[str, Any]:
    return Config().model_dump(mode="json")


def _uncommented(text: str) -> str:
    """The reference with its inactive settings (those after a "#") made active."""
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
            yield prefix, key, default, descriptions(model)[key]


def _is_section(field: FieldInfo) -> bool:
    return isinstance(field.default, BaseModel)


def _fields(model: type[BaseModel], section: str = "") -> Iterator[tuple[str, str, FieldInfo]]:
    """(section or driver, key, its definition) of every setting that has a row in the document."""
    for key, field in model.model_fields.items():
        if _is_section(field):
            yield from _fields(type(field.default), key)
        elif not section and key in TABLES:
            for table in TABLES[key]:
                yield from _fields(table, driver_of(table) if table in CACHE_TYPES else f"[{key}]")
        elif section not in DRIVERS or not _is_shared(key, model):
            yield section, key, field


def _is_shared(key: str, kind: type[BaseModel]) -> bool:
    """Whether a setting of a driver is documented once for all caches."""
    return key == "driver" or descriptions(CacheSettings).get(key) == descriptions(kind)[key]


def _documented() -> Iterator[tuple[str, str, Any, str]]:
    """The settings that have a row in the document: for each driver only those that not every cache has."""
    shared = list(_settings(CacheSettings, "caches"))
    kinds = {kind: [row for row in _settings(kind, "caches") if row not in shared] for kind in CACHE_TYPES}
    yield from (row for row in _settings(Config) if row[0] != "caches")
    yield from shared
    yield from (row for rows in kinds.values() for row in rows if row[1] != "driver")


def test_check_says_ok(edgeward: Run) -> None:
    """Possible settings: "ok" and status 0."""
    ended = edgeward("config", "check", "-c", REFERENCE)
    assert (ended.status, ended.out) == (0, "ok\n")


def test_check_as_json(edgeward: Run) -> None:
    """--json names the file that was read."""
    assert edgeward("config", "check", "-c", REFERENCE, "--json").json == {"ok": True, "config": str(REFERENCE)}


def test_check_names_every_impossible_key(edgeward: Run, tmp_path: Path) -> None:
    """The message has all mistakes, each with its key."""
    path = tmp_path / "x.toml"
    path.write_text("[proxy]\nworkers = 0\nwrokers = 3\n")
    with pytest.raises(ConfigError, match=r"(?s)proxy\.workers.*proxy\.wrokers") as caught:
        edgeward("config", "check", "-c", path)
    assert caught.value.exit_status == 2


def test_the_config_variable_names_the_file(edgeward: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """EDGEWARD_CONFIG is used if -c is not given."""
    path = tmp_path / "x.toml"
    path.write_text("[proxy]\nworkers = 7\n")
    monkeypatch.setenv("EDGEWARD_CONFIG", str(path))
    assert edgeward("config", "show", "--json").json["proxy"]["workers"] == 7


def test_show_prints_the_values_in_effect(edgeward: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """The output holds defaults, file and environment together, as TOML that can be loaded again."""
    monkeypatch.setenv("EDGEWARD_PROXY__WORKERS", "5")
    values = tomllib.loads(edgeward("config", "show").out)
    assert values["proxy"]["workers"] == 5
    assert Config.model_validate(values).proxy.workers == 5


def test_secrets_are_hidden(edgeward: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither TOML nor JSON shows a cache's secret or a password in a URL."""
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


def test_other_values_are_shown_unchanged() -> None:
    """URLs without a password, and an empty secret, are shown as they are."""
    node = parse_cache({"name": "v", "driver": "varnish", "url": "http://127.0.0.1:6081"})
    values = shown(Config(caches=(node,)))
    assert values["caches"][0]["secret"] == ""
    assert values["caches"][0]["url"] == "http://127.0.0.1:6081"
    assert values["store"]["url"] == "embedded"


def test_the_reference_holds_the_defaults() -> None:
    """config/edgeward.toml has every key with its default; only keys without a default are commented out."""
    values = tomllib.loads(REFERENCE.read_text())
    defaults = _defaults()
    for name in TABLES:
        del defaults[name]
    defaults["policy"].pop("blocked_by")
    defaults["store"].pop("replicas")
    defaults["sightings"].pop("max_bytes")
    assert values == defaults


def test_the_reference_shows_keys_without_a_default() -> None:
    """Without the "#" signs it holds every key there is, with possible values."""
    values = tomllib.loads(_uncommented(REFERENCE.read_text()))
    config = Config.model_validate(values)
    assert config.policy.blocked_by
    assert {(section, key) for section, key, *_ in _settings(Config)} == set(_keys(values))
    assert [cache.driver for cache in config.caches] == [driver_of(kind) for kind in CACHE_TYPES]
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


def test_the_reference_describes_each_key() -> None:
    """The comment above a key is the description in the model."""
    text = " ".join(line.removeprefix("# ") for line in REFERENCE.read_text().splitlines())
    for section, key, _, description in _settings(Config):
        assert " ".join(description.split()) in text, f"{section}.{key}"


def test_the_reference_loads() -> None:
    """It can be used unchanged; its state_dir is relative to it."""
    assert load(REFERENCE, {}).state_dir == REFERENCE.parent / ".state"


def test_the_document_has_a_row_for_every_setting() -> None:
    """docs/settings.md has the key, its variable, its default and its description."""
    lines = DOCUMENT.read_text().splitlines()
    for section, key, default, description in _documented():
        cells = _first_cells(section, key, default)
        rows = [line for line in lines if line.startswith(cells)]
        assert rows, f"docs/settings.md has no row that begins {cells}"
        assert any(row.replace("\\|", "|").endswith(f"| {' '.join(description.split())} |") for row in rows), rows


def _first_cells(section: str, key: str, default: Any) -> str:
    variable = (
        "-" if section in TABLES else "_".join(filter(None, ("EDGEWARD", section and f"{section}_", key))).upper()
    )
    plain = list(default) if isinstance(default, tuple) else str(default) if isinstance(default, Path) else default
    written = "(must be given)" if default is ... else "not set" if default is None else f"`{toml.literal(plain)}`"
    return f"| `{key}` | {'-' if variable == '-' else f'`{variable}`'} | {written} |"


def test_the_document_has_no_row_for_anything_else() -> None:
    """The document has no setting that does not exist."""
    rows = re.findall(r"^\| `(\w+)` \|", DOCUMENT.read_text(), re.MULTILINE)
    assert sorted(rows) == sorted(key for _, key, *_ in _documented())


@pytest.mark.parametrize("section", [name for name, field in Config.model_fields.items() if _is_section(field)])
def test_both_documents_describe_each_section(section: str) -> None:
    """What they say above a section is the docstring of its class."""
    text = " ".join((type(Config.model_fields[section].default).__doc__ or "").split())
    reference = re.search(rf"((?:^# .*\n)+)^\[{section}\]$", REFERENCE.read_text(), re.MULTILINE)
    document = re.search(rf"^## \[{section}\]\n\n(.*)$", DOCUMENT.read_text(), re.MULTILINE)
    assert reference and document
    assert " ".join(line.removeprefix("# ") for line in reference[1].splitlines()) == text
    assert document[1] == text


def test_the_document_says_what_is_allowed() -> None:
    """The bounds or choices of a setting are in its row; one that has neither has an empty cell."""
    for section, key, field in _fields(Config):
        row = rf"^\| `{key}` \| \S+ \| .*? \| (.*?) ?\| [^|]+ \|$"
        rows = re.findall(row, _documented_section(section), re.MULTILINE)
        assert rows, f"docs/settings.md has no row of {section}.{key}"
        assert set(rows) == {_allowed(field)}, f"{section}.{key}"


def _documented_section(name: str) -> str:
    """The part of the document about a section (a heading `## [name]`), or about a driver (`### driver = "name"`)."""
    heading = "## Top level" if not name else f'### driver = "{name}"' if name in DRIVERS else f"## [{name}]"
    _, _, rest = DOCUMENT.read_text().partition(f"{heading}\n")
    return re.split(r"^##", rest, maxsplit=1, flags=re.MULTILINE)[0]


def _allowed(field: FieldInfo) -> str:
    """The cell of the document: "1 to 9", "over 0", or the choices."""
    if field.annotation is bool:
        return "`true`, `false`"
    choices = get_args(getattr(field.annotation, "__value__", field.annotation))
    if choices and all(isinstance(choice, str) for choice in choices):
        return ", ".join(f"`{choice}`" for choice in choices)
    bounds = {type(bound).__name__: bound for bound in field.metadata}
    if not bounds.keys() & {"Ge", "Gt"}:
        return ""
    least = f"{bounds['Ge'].ge:.15g}" if "Ge" in bounds else f"over {bounds['Gt'].gt:g}"
    if "Le" in bounds:
        return f"{least} to {bounds['Le'].le}"
    return f"at least {least}" if "Ge" in bounds else least
