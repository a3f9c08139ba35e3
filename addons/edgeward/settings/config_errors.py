"""Messages about settings that are wrong. Each names the key, and none repeats a secret."""

from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from typing import Any

from pydantic import BaseModel

from edgeward.settings.cache_settings import CACHE_TYPES, driver_of
from edgeward.settings.config import ClassifierSettings, Config, HostSettings, WebhookSettings
from edgeward.settings.scan_settings import ScanException
from edgeward.settings.secret_types import hide_secrets
from edgeward.settings.setting_types import may_hold_secret
from edgeward.settings.value_errors import describe

TABLES_WITH_SECRETS = ("caches", "webhooks")
"""A table of these is never repeated as a whole."""
_MODELS = (
    *CACHE_TYPES,
    WebhookSettings,
    HostSettings,
    *(field.annotation for field in Config.model_fields.values() if isinstance(field.default, BaseModel)),
)
SECRET_KEYS = frozenset(
    {
        "headers",
        *(
            name
            for model in _MODELS
            if isinstance(model, type) and issubclass(model, BaseModel)
            for name, field in model.model_fields.items()
            if may_hold_secret(field)
        ),
    }
)
"""Keys whose values are secrets, or may hold a password."""
_CACHE_OF_DRIVER = {driver_of(kind): kind for kind in CACHE_TYPES}
_ARRAYS: Mapping[str, type[BaseModel]] = {
    "hosts": HostSettings,
    "webhooks": WebhookSettings,
    "classifiers": ClassifierSettings,
    "scan_exceptions": ScanException,
}
"""The arrays of tables that have one class each; `caches` has one per driver."""


def explain(source: str, problem: Mapping[str, Any], data: Mapping[str, Any]) -> str:
    """One line about one of pydantic's errors (an item of ValidationError.errors()).

    `source`: the file, or "the environment". `data`: all settings that were given.
    """
    path = _key_path(problem["loc"])
    place, key = _place(path, data)
    start = f"{source}: {place}"
    if problem["type"] == "extra_forbidden":
        return f"{start}unknown key {key}{did_you_mean(path[-1], _known_keys(problem['loc']))}"
    if problem["type"] in ("union_tag_invalid", "union_tag_not_found"):
        return f"{start}driver {_about_driver(problem)}"
    message = describe(problem)
    if problem["type"] == "missing":
        return f"{start}{key} {message}"
    if not path:
        return f"{source}: {message}"
    if not key:  # the whole table: it may hold a secret
        return f"{start}{message}"
    if SECRET_KEYS & set(path):
        return f"{start}{key}: {_without_value(message, problem.get('input'))} (its value is not shown here)"
    is_table = path[0] in TABLES_WITH_SECRETS and (
        len(path) == 1 or not isinstance(problem["input"], str | int | float)
    )
    if is_table and not isinstance(problem["input"], int | float):
        return f"{start}{key}: {message}"
    return f"{start}{key} = {problem['input']!r}: {message}"


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """ ": did you mean ...?" with the most similar of the known names; "" if none is similar."""
    similar = get_close_matches(name, known, n=1)
    return f": did you mean {similar[0]}?" if similar else ""


def _key_path(location: tuple[str | int, ...]) -> list[str]:
    """The keys down to the value. Before the keys of a cache pydantic puts the name of its driver: it is left out."""
    path = [str(part) for part in location]
    return path[:2] + path[3:] if path[:1] == ["caches"] and len(path) > 2 and path[2] in _CACHE_OF_DRIVER else path


def _place(path: list[str], data: Mapping[str, Any]) -> tuple[str, str]:
    """Which of an array's tables a key is in ("" for other keys), and the key."""
    if len(path) < 2 or path[0] not in ("caches", *_ARRAYS):
        return "", ".".join(path)
    table = data[path[0]][int(path[1])]
    name = table.get("name") if isinstance(table, Mapping) else None
    named = f' ("{name}")' if name and isinstance(name, str) and name.isprintable() else ""
    return f"[[{path[0]}]] number {int(path[1]) + 1}{named}: ", ".".join(path[2:])


def _known_keys(location: tuple[str | int, ...]) -> Iterable[str]:
    """The keys that the table of an unknown key has."""
    first, *inner = map(str, location[:-1] or ("",))
    if first == "caches":
        model: object = _CACHE_OF_DRIVER.get(inner[-1]) if inner else None
    elif first in _ARRAYS:
        model = _ARRAYS[first]
    else:
        model = Config.model_fields[first].annotation if first else Config
    return model.model_fields if isinstance(model, type) and issubclass(model, BaseModel) else ()


def _about_driver(problem: Mapping[str, Any]) -> str:
    known = ", ".join(_CACHE_OF_DRIVER)
    if "tag" in problem.get("ctx", {}):
        return f"= {problem['ctx']['tag']!r} is not one of {known}"
    return f"is required: one of {known}"


def _without_value(message: str, value: object) -> str:
    """The message, unless it repeats the value, or what is left of it when its password is hidden."""
    parts = (value, repr(value)[1:-1], hide_secrets(value)) if isinstance(value, str) and value else ()
    return "is not possible" if any(part in message for part in parts) else message
