"""What is wrong with a value, for every kind of error that our models can produce."""

import inspect
from collections.abc import Iterator
from typing import Any

import pytest
from pydantic import BaseModel, TypeAdapter, ValidationError

from edgeward.api import import_queries, lookup_queries, requests, sources
from edgeward.settings.config import Config
from edgeward.settings.value_errors import FORMS, SENTENCES, TABLE_TYPES, describe

MODELS = [
    Config,
    *(
        each
        for module in (requests, lookup_queries, import_queries, sources)
        for _, each in inspect.getmembers(module, inspect.isclass)
        if issubclass(each, BaseModel)
    ),
]
ERRORS_OF_TYPE = {
    "str": {"string_type", "string_unicode"},
    "bool": {"bool_type", "bool_parsing"},
    "int": {"int_type", "int_parsing", "int_parsing_size", "int_from_float"},
    "float": {"float_type", "float_parsing"},
    "literal": {"literal_error"},
    "enum": {"enum"},
    "list": {"list_type"},
    "tuple": {"tuple_type"},
    "dict": {"dict_type"},
    "model": {"model_type", "model_attributes_type"},
    "model-fields": {"missing", "extra_forbidden"},
}
"""Kinds of error by kind of value in pydantic's schema."""
ERRORS_OF_LIMIT = {
    "ge": {"greater_than_equal"},
    "gt": {"greater_than"},
    "le": {"less_than_equal"},
    "lt": {"less_than"},
    "pattern": {"string_pattern_mismatch"},
}
ERRORS_OF_LENGTH = {
    "str": {"min_length": "string_too_short", "max_length": "string_too_long"},
    "list": {"min_length": "too_short", "max_length": "too_long"},
    "tuple": {"min_length": "too_short", "max_length": "too_long"},
}
WITHOUT_ERRORS = {
    *(
        "default",
        "nullable",
        "definitions",
        "definition-ref",
        "function-after",
        "function-before",
        "no-info",
        "model-field",
    ),
    *("is-instance", "union", "tagged-union", "json-or-python", "lax-or-strict"),
}
"""Kinds that only hold others, whose errors have their own messages, or that `config_errors` explains."""


def _schemas(value: object) -> Iterator[dict[str, Any]]:
    """Every schema inside pydantic's core schema of a model."""
    if isinstance(value, dict):
        if isinstance(value.get("type"), str):
            yield value
        for key, inner in value.items():
            if key not in ("metadata", "serialization", "config"):
                yield from _schemas(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _schemas(inner)


ALL_SCHEMAS = [schema for model in MODELS for schema in _schemas(model.__pydantic_core_schema__)]


def test_every_kind_of_error_has_a_sentence() -> None:
    """A new kind of value or limit in a model needs its sentence, unless the sentence is there already."""
    possible: set[str] = set()
    for schema in ALL_SCHEMAS:
        kind = schema["type"]
        assert kind in ERRORS_OF_TYPE or kind in WITHOUT_ERRORS, kind
        possible |= ERRORS_OF_TYPE.get(kind, set())
        for limit in schema.keys() & ERRORS_OF_LIMIT.keys():
            possible |= ERRORS_OF_LIMIT[limit]
        possible |= {schema["custom_error_type"]} if "custom_error_type" in schema else set()
        possible |= {error for limit, error in ERRORS_OF_LENGTH.get(kind, {}).items() if limit in schema}
    assert possible - TABLE_TYPES <= SENTENCES.keys()
    assert {"greater_than_equal", "too_short", "literal_error", "path_type"} <= possible


def test_every_pattern_has_a_sentence() -> None:
    """A pattern is explained in words, and no sentence is left of a pattern that is gone."""
    assert {schema["pattern"] for schema in ALL_SCHEMAS if schema.get("pattern")} == FORMS.keys()


@pytest.mark.parametrize(
    ("kind", "value", "sentence"),
    [
        (int, "many", "must be a whole number"),
        (bool, "maybe", "must be true or false"),
        (list[int], 3, "must be a list"),
        (tuple[int, ...], 3, "must be a list"),
        (dict[str, int], 3, "must be an object"),
        (str, 3, "must be text"),
    ],
)
def test_the_sentence_says_what_the_value_must_be(kind: type, value: object, sentence: str) -> None:
    """Of values of the wrong type."""
    with pytest.raises(ValidationError) as caught:
        TypeAdapter(kind).validate_python(value)
    assert describe(dict(caught.value.errors()[0]), table="an object") == sentence


@pytest.mark.parametrize(
    ("problem", "sentence"),
    [
        ({"type": "greater_than", "ctx": {"gt": 0.0}}, "must be more than 0"),
        ({"type": "greater_than_equal", "ctx": {"ge": 0.1}}, "must be 0.1 or more"),
        ({"type": "less_than_equal", "ctx": {"le": 1_048_576}}, "must be 1048576 or less"),
        ({"type": "too_short", "ctx": {"min_length": 1}}, "needs at least 1 value"),
        ({"type": "string_too_short", "ctx": {"min_length": 16}}, "needs at least 16 characters"),
        ({"type": "string_pattern_mismatch", "ctx": {"pattern": "^x$"}}, "has an invalid form"),
        ({"type": "literal_error", "ctx": {"expected": "'front' or 'fill'"}}, "must be 'front' or 'fill'"),
        ({"type": "dict_type"}, "must be a table"),
        ({"type": "value_error", "msg": "Value error, 'x' is not HOST:PORT"}, "'x' is not HOST:PORT"),
        ({"type": "unheard_of", "msg": "Input should be odd"}, "Input should be odd"),
    ],
)
def test_limits_are_named(problem: dict[str, Any], sentence: str) -> None:
    """The sentence has the limit; a kind of error that is not known keeps pydantic's text."""
    assert describe(problem) == sentence
