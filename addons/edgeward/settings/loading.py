"""Reads the settings: defaults, then the TOML file, then the environment.

`EDGEWARD_<SECTION>__<KEY>` sets one key: EDGEWARD_PROXY__WORKERS=4. A top-level key has no section
(EDGEWARD_STATE_DIR), and an array of tables is one JSON list (EDGEWARD_CACHES='[{...}]').
"""

import json
import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

from edgeward.errors import ConfigError
from edgeward.settings.config import Config
from edgeward.settings.config_errors import did_you_mean, explain

VARIABLE_PREFIX = "EDGEWARD_"
INTERNAL_PREFIX = "EDGEWARD_INTERNAL_"
"""What the supervisor tells its child processes."""
CLIENT_VARIABLES = frozenset({"EDGEWARD_CONFIG", "EDGEWARD_API", "EDGEWARD_TOKEN"})
"""These have the prefix but are not settings: they tell the commands which file and which admin API to use."""


def load(path: Path | None = None, environ: Mapping[str, str] = os.environ) -> Config:
    """Read the settings. A relative `state_dir` in the file is relative to the file's directory.

    Raises:
        ConfigError: the file is missing or not TOML, or a key is unknown or has an impossible value. The message has
            one line per problem and names the key.
    """
    data = _read_file(path) if path else {}
    for name, text in sorted(environ.items()):
        if name.startswith(VARIABLE_PREFIX) and name not in CLIENT_VARIABLES and not name.startswith(INTERNAL_PREFIX):
            _apply_variable(data, name, text)
    source = str(path) if path else "the environment"
    try:
        return Config.model_validate(data)
    except ValidationError as error:
        raise ConfigError("\n".join(explain(source, problem, data) for problem in error.errors())) from None


def _read_file(path: Path) -> dict[str, Any]:
    try:
        data = tomllib.loads(path.read_text())
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: {error}") from None
    state_dir = data.setdefault("state_dir", str(Config().state_dir))
    if isinstance(state_dir, str):
        data["state_dir"] = str(path.absolute().parent / state_dir)
    return data


def _apply_variable(data: dict[str, Any], name: str, text: str) -> None:
    """Put the value of one EDGEWARD_* variable where its key belongs in `data`."""
    keys = name.removeprefix(VARIABLE_PREFIX).lower().split("__")
    section = data
    for key in keys[:-1]:
        section = section.setdefault(key, {})
        if not isinstance(section, dict):
            raise ConfigError(f"{name}: {key} is not a section")
    section[keys[-1]] = _parse_variable(keys, name, text)


def _parse_variable(keys: list[str], name: str, text: str) -> Any:
    """The value of a variable: the text itself for a string setting, else the text as JSON."""
    model: type[BaseModel] = Config
    for key in keys[:-1]:
        inner = model.model_fields[key].annotation if key in model.model_fields else None
        if not (isinstance(inner, type) and issubclass(inner, BaseModel)):
            raise ConfigError(f"{name}: unknown setting {'.'.join(keys)}")
        model = inner
    if keys[-1] not in model.model_fields:
        raise ConfigError(f"{name}: unknown setting {'.'.join(keys)}{did_you_mean(keys[-1], model.model_fields)}")
    field = model.model_fields[keys[-1]]
    if _is_text(field):
        return text
    try:
        return json.loads(text)
    except ValueError:
        raise ConfigError(f"{name}: {text!r} is not {_expected(field.default)}") from None


def _is_text(field: FieldInfo) -> bool:
    """Whether a setting is a string. One without a default is told by its type: `int | None` is a number."""
    return isinstance(field.default, str | Path) or (field.default is None and int not in get_args(field.annotation))


def _expected(default: object) -> str:
    if isinstance(default, bool):
        return "true or false"
    return "a JSON list" if isinstance(default, tuple) else "a number"
