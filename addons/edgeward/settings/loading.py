"""Reads the settings: defaults, then the TOML file, then the environment.

`EDGEWARD_<SECTION>__<KEY>` sets one key: EDGEWARD_PROXY__WORKERS=4. A top-level key has no section
(EDGEWARD_STATE_DIR), and an array of tables is one JSON list (EDGEWARD_CACHES='[{...}]').
"""

import json
import os
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError

from edgeward.errors import ConfigError
from edgeward.settings.config import Config
from edgeward.settings.config_errors import TABLES_WITH_SECRETS, did_you_mean, explain
from edgeward.settings.contradictions import contradictions
from edgeward.settings.setting_types import may_hold_secret

VARIABLE_PREFIX = "EDGEWARD_"
INTERNAL_PREFIX = "EDGEWARD_INTERNAL_"
"""What the supervisor tells its child processes."""
BOOLEANS = {
    **dict.fromkeys(("true", "yes", "on", "1"), True),
    **dict.fromkeys(("false", "no", "off", "0"), False),
}
EXPECTED: Mapping[type, str] = {bool: "true or false", list: "a JSON list", float: "a number"}
"""What a variable's text must be, by the kind of its setting."""
CLIENT_VARIABLES = frozenset({"EDGEWARD_CONFIG", "EDGEWARD_API", "EDGEWARD_TOKEN"})
"""These have the prefix but are not settings: they tell the commands which file and which admin API to use."""


type Variables = Mapping[tuple[str, ...], str]
"""The variables that set something, by the key that each sets, with its section."""


def load(path: Path | None = None, environ: Mapping[str, str] = os.environ) -> Config:
    """Read the settings. A relative `state_dir` in the file is relative to the file's directory.

    Raises:
        ConfigError: the file is missing or not TOML, or a key is unknown or has an impossible value. The message has
            one line per problem and names the key.
    """
    data = _read_file(path) if path else {}
    variables: dict[tuple[str, ...], str] = {}
    for name, text in sorted(environ.items()):
        if name.startswith(VARIABLE_PREFIX) and name not in CLIENT_VARIABLES and not name.startswith(INTERNAL_PREFIX):
            variables[_apply_variable(data, name, text)] = name
    source = str(path) if path else "the environment"
    try:
        config = Config.model_validate(data)
    except ValidationError as error:
        lines = [_explain(source, problem, data, variables) for problem in error.errors()]
        raise ConfigError("\n".join(lines)) from None
    if found := contradictions(config):
        raise ConfigError("\n".join(f"{source}: {each}{_set_by(each, variables)}" for each in found))
    return config


def _explain(source: str, problem: Mapping[str, Any], data: Mapping[str, Any], variables: Variables) -> str:
    """One line about one of pydantic's errors. Its source is the variable that holds the value, if one does."""
    location = tuple(map(str, problem["loc"]))
    line = explain(
        next((name for keys, name in variables.items() if location[: len(keys)] == keys), source), problem, data
    )
    return line if location else line + _set_by(line.removeprefix(source), variables)


def _set_by(message: str, variables: Variables) -> str:
    """The variables that hold the keys that a message about several keys names; "" if none does."""
    named = [
        name
        for keys, name in variables.items()
        if re.search(rf"(?<![\w.]){re.escape('.'.join(keys))}(?![\w.])", message)
    ]
    return f" (set by {', '.join(named)})" if named else ""


def _read_file(path: Path) -> dict[str, Any]:
    try:
        data = tomllib.loads(path.read_text())
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: {error}") from None
    state_dir = data.setdefault("state_dir", str(Config().state_dir))
    if isinstance(state_dir, str) and state_dir:
        data["state_dir"] = str(path.absolute().parent / state_dir)
    return data


def _apply_variable(data: dict[str, Any], name: str, text: str) -> tuple[str, ...]:
    """Put the value of one EDGEWARD_* variable where its key belongs in `data`. Returns that key, with its section."""
    keys = name.removeprefix(VARIABLE_PREFIX).lower().split("__")
    section = data
    for key in keys[:-1]:
        section = section.setdefault(key, {})
        if not isinstance(section, dict):
            raise ConfigError(f"{name}: {key} is not a section")
    section[keys[-1]] = _parse_variable(keys, name, text)
    return tuple(keys)


def _parse_variable(keys: list[str], name: str, text: str) -> Any:
    """The value of a variable: text as it is, true or false in any usual word, everything else as JSON."""
    model: type[BaseModel] = Config
    for key in keys[:-1]:
        inner = model.model_fields[key].annotation if key in model.model_fields else None
        if not (isinstance(inner, type) and issubclass(inner, BaseModel)):
            raise ConfigError(f"{name}: unknown setting {'.'.join(keys)}")
        model = inner
    if keys[-1] not in model.model_fields:
        raise ConfigError(f"{name}: unknown setting {'.'.join(keys)}{did_you_mean(keys[-1], model.model_fields)}")
    field = model.model_fields[keys[-1]]
    kind = _kind_of(field.annotation)
    value = _read_as(kind, text)
    if value is None:
        is_shown = not may_hold_secret(field) and (keys[-1] not in TABLES_WITH_SECRETS or len(text) == 1)
        shown = repr(text) if is_shown else "the value"
        raise ConfigError(f"{name}: {shown} is not {EXPECTED[kind]}")
    return value


def _read_as(kind: type, text: str) -> Any:
    """The text as a value of this kind; None if it is none."""
    if kind is str:
        return text
    if kind is bool:
        return BOOLEANS.get(text.strip().lower())
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return None
    is_expected = isinstance(value, list) if kind is list else isinstance(value, int | float) and value is not True
    return value if is_expected and value is not False else None


def _kind_of(annotation: Any) -> type:
    """How the text of a variable is read: as str, bool, list, or float for any number."""
    annotation = getattr(annotation, "__value__", annotation)
    origin = get_origin(annotation)
    if origin is Annotated:
        return _kind_of(get_args(annotation)[0])
    if origin in (Union, UnionType):
        return _kind_of(next(each for each in get_args(annotation) if each is not NoneType))
    if origin is tuple:
        return list
    if annotation is bool:
        return bool
    return float if annotation in (int, float) else str
