"""Every setting can be set by its variable, whatever its type is."""

import json
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel, ValidationError

from edgeward.errors import ConfigError
from edgeward.settings.config import Config
from edgeward.settings.loading import load

REFERENCE = Path(__file__).parents[2] / "config" / "edgeward.toml"
ARRAYS = ("caches", "hosts", "webhooks", "classifiers", "scan_exceptions")
GIVEN: dict[str, Any] = {
    "store.replicas": 0, "sightings.max_bytes": 2**33,
    "policy.blocked_by": "https://a.example/why", "admin.hosts": ["a.example"],
    "guard.protected": ["a.example/logo/"],
    "caches": [{"name": "v", "driver": "varnish", "url": "http://127.0.0.1:1"}],
    "hosts": [{"name": "*", "origin": "http://10.0.0.1"}],
    "webhooks": [{"name": "w", "secret": "a secret of some length", "hosts": ["*"]}],
    "classifiers": [{"name": "c"}],
    "scan_exceptions": [{"hosts": ["a.test"]}],
}  # fmt: skip
"""Values of settings whose default is empty or not set."""


TEXTS = {
    "state_dir": "elsewhere", "proxy.listen": "127.0.0.1:9", "proxy.upstream": "http://127.0.0.1:9",
    "proxy.placement": "fill", "store.url": "redis://127.0.0.1:9", "store.namespace": "other",
    "sweep.private": "keep", "admin.listen": "127.0.0.1:9",
}  # fmt: skip
"""Values that are not the default."""


def another(key: str, default: Any) -> Any:
    """A possible value that is not the default, so that a variable that nothing reads is noticed."""
    match default:
        case bool():
            return not default
        case int() | float():
            return next(each for each in (default + 1, default - 1, default / 2) if is_possible(key, each))
        case "block" | "deliver":
            return "deliver" if default == "block" else "block"
        case str():
            return TEXTS[key]
    return default


def is_possible(key: str, value: Any) -> bool:
    section, _, name = key.partition(".")
    try:
        Config.model_validate({section: {name: value}})
    except ValidationError:
        return False
    return True


def every_setting() -> Iterator[tuple[str, Any]]:
    """(key, a possible value) of every setting: that of config/edgeward.toml, or the one that is given above."""
    defaults = tomllib.loads(REFERENCE.read_text())
    for section, field in Config.model_fields.items():
        if not isinstance(field.default, BaseModel):
            yield section, GIVEN.get(section) or defaults[section]
            continue
        for key in type(field.default).model_fields:
            name = f"{section}.{key}"
            yield name, GIVEN[name] if name in GIVEN else defaults[section][key]


def variable(key: str) -> str:
    return "EDGEWARD_" + key.replace(".", "__").upper()


def value_of(config: Config, key: str) -> Any:
    value: Any = config
    for part in key.split("."):
        value = getattr(value, part)
    return value


def kind(value: Any) -> type:
    return float if isinstance(value, int | float) and not isinstance(value, bool) else type(value)


SETTINGS = [(key, value if key in GIVEN else another(key, value)) for key, value in every_setting()]


@pytest.mark.parametrize(("key", "value"), SETTINGS, ids=[key for key, _ in SETTINGS])
def test_every_setting_has_a_variable(key: str, value: Any) -> None:
    """It gives the same settings as the file does."""
    text = value if isinstance(value, str) else json.dumps(value)
    section, _, name = key.partition(".")
    by_file = Config.model_validate({section: {name: value} if name else value})
    assert value_of(load(None, {variable(key): text}), key) == value_of(by_file, key)


@pytest.mark.parametrize("key", [key for key, value in SETTINGS if isinstance(value, bool)])
@pytest.mark.parametrize(
    ("text", "value"),
    [(text, True) for text in ("true", "True", "yes", "YES", "on", "1", " true ")]
    + [(text, False) for text in ("false", "no", "No", "off", "0")],
)
def test_true_and_false_in_every_usual_word(key: str, text: str, value: bool) -> None:
    """Operators write them in many ways."""
    assert value_of(load(None, {variable(key): text}), key) is value


@pytest.mark.parametrize(
    "text", ["", "nonsense", "null", "{}", "{", "[", "1 2", "NaN", "[[1]]", "9" * 5000, "[" * 5000]
)
def test_a_wrong_value_is_an_error_that_names_its_variable_or_key(text: str) -> None:
    """And that says what is expected: a list, a number, or true or false. Text may be anything that its key allows."""
    for key, value in SETTINGS:
        expected = {bool: "true or false", float: "a number", list: "a JSON list"}.get(kind(value))
        try:
            load(None, {variable(key): text})
        except ConfigError as error:
            message = str(error)
            assert variable(key) in message or key in message or f"[[{key}]]" in message
            if expected and text in ("nonsense", "null", ""):
                assert message.startswith(f"{variable(key)}: ")
                assert message.endswith(f" is not {expected}")
        else:
            assert isinstance(value, str), f"{variable(key)} takes {text[:20]!r}"


def test_settings_of_each_kind_are_walked() -> None:
    """The tests above see them all."""
    assert {kind(value) for _, value in SETTINGS} == {str, bool, float, list}
    assert {key for key, _ in SETTINGS} >= {*ARRAYS, "store.replicas", "state_dir", "sweep.private", "admin.hosts"}
