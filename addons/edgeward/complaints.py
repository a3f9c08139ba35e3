"""What is wrong with a setting, in words that name its key and never repeat a secret."""

from collections.abc import Mapping
from typing import Any

from edgeward.cache_settings import KINDS, driver_of
from edgeward.fields import is_hidden

TABLES = ("caches", "webhooks")
"""Tables that hold secrets: as a whole they are never repeated."""
NOT_SHOWN = frozenset(
    {
        "url",
        "secret",
        "headers",
        *(name for kind in KINDS for name, field in kind.model_fields.items() if is_hidden(field)),
    }
)
"""Keys whose values are secrets, or may hold a password."""
_DRIVERS = tuple(map(driver_of, KINDS))


def explain(source: str, problem: Mapping[str, Any]) -> str:
    """One line about one of pydantic's errors. `source`: where the settings come from."""
    where = _location(problem["loc"])
    key = ".".join(where) or "settings"
    message = problem["msg"].removeprefix("Value error, ")
    if problem["type"] == "extra_forbidden":
        return f"{source}: unknown key {key}"
    if problem["type"] == "missing":
        return f"{source}: {key} is missing"
    if problem["type"] in ("union_tag_invalid", "union_tag_not_found"):
        return f"{source}: {key}.driver {_about_driver(problem)}"
    if not where:
        return f"{source}: {message}"
    if NOT_SHOWN & set(where):
        return f"{source}: {key}: {_without(problem.get('input'), message)} (its value is not shown here)"
    if where[0] in TABLES and not isinstance(problem["input"], str | int | float):
        return f"{source}: {key}: {message}"
    return f"{source}: {key} = {problem['input']!r}: {message}"


def _location(parts: tuple[str | int, ...]) -> list[str]:
    """The keys down to the value. In front of a cache's own keys pydantic puts the name of its driver."""
    where = [str(part) for part in parts]
    return where[:2] + where[3:] if where[:1] == ["caches"] and len(where) > 2 and where[2] in _DRIVERS else where


def _about_driver(problem: Mapping[str, Any]) -> str:
    known = ", ".join(_DRIVERS)
    return (
        f"= {problem['ctx']['tag']!r} is none of {known}"
        if "ctx" in problem and "tag" in problem["ctx"]
        else (f"is missing: one of {known}")
    )


def _without(value: object, message: str) -> str:
    """The message, unless it repeats the value."""
    return "is not possible" if isinstance(value, str) and value and value in message else message
