"""Settings as TOML, each with its description from the model as a comment above it."""

import json
import textwrap
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pydantic import BaseModel

COMMENT_WIDTH = 110


def render(model: "type[BaseModel]", values: Mapping[str, Any]) -> str:
    """A TOML document of `values`, in the order of the model. Top-level keys come first, as TOML demands."""
    sections = [name for name, value in values.items() if isinstance(value, dict | list)]
    lines = [*_keys(model, {name: value for name, value in values.items() if name not in sections})]
    for name in sections:
        lines += _section(model, name, values[name])
    return "\n".join(lines) + "\n"


def _section(model: "type[BaseModel]", name: str, value: Any) -> Iterator[str]:
    tables, brackets = (value, "[[{}]]") if isinstance(value, list) else ([value], "[{}]")
    for table in tables:
        yield ""
        yield brackets.format(name)
        yield from _keys(_model_of(model, name, table), table)


def _keys(model: "type[BaseModel]", values: Mapping[str, Any]) -> Iterator[str]:
    from edgeward.settings.descriptions import descriptions

    described = descriptions(model)
    for name, value in values.items():
        yield from textwrap.wrap(described.get(name, ""), COMMENT_WIDTH, initial_indent="# ", subsequent_indent="# ")
        yield f"# {name} is not set" if value is None else f"{name} = {literal(value)}"


def literal(value: Any) -> str:
    """A string, number, boolean, a list of these, or a table of strings. JSON is valid TOML here, except for DEL."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{literal(name)} = {literal(each)}" for name, each in value.items()) + "}"
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def _model_of(model: "type[BaseModel]", name: str, table: Mapping[str, Any]) -> "type[BaseModel]":
    """The model of a section or of a table in an array. That of a cache depends on its driver."""
    if name == "caches":
        from edgeward.settings.cache_settings import CACHE_TYPES, driver_of

        return next(kind for kind in CACHE_TYPES if driver_of(kind) == table["driver"])
    annotation: Any = model.model_fields[name].annotation
    return annotation if isinstance(annotation, type) else annotation.__args__[0]
