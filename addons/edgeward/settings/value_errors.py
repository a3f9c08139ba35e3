"""What is wrong with a value, in one sentence for each kind of error that pydantic finds in our models.

Settings (`config_errors`) and requests of the admin API put the name of the key before it.
"""

from collections.abc import Callable, Mapping
from typing import Any

from edgeward.quantities import counted

FORMS = {
    r"^[A-Za-z0-9_.-]{1,64}$": "must be 1 to 64 of A-Z, a-z, 0-9, _ . -",
    r"^[A-Za-z0-9_.@-]{1,64}$": "must be 1 to 64 of A-Z, a-z, 0-9, _ . @ -",
    r"^[A-Za-z0-9*_.\[\]:-]{1,255}$": "must be a host (HOST or HOST:PORT), or * for every host",
    r"^(\[[0-9A-Fa-f:.]{2,45}\]|[A-Za-z0-9_.-]{1,253})(:[0-9]{1,5})?(/[^\s]{0,2000})?$": (
        "must be a host, or a host with the beginning of a path"
    ),
    r"^(\*|(\*\.)?[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*)$": "must be a host name without a port, *.HOST, or *",
    r"^[a-z][a-z0-9_-]{0,31}$": "must be 1 to 32 of a-z, 0-9, _ -, beginning with a letter",
    r"^(/[A-Za-z0-9_.-]+)+$": "must be a path such as /souin-api/souin",
    r"^[0-9a-f]{32}$": "must be 32 hexadecimal digits in lower case",
    r"^[A-Za-z0-9]{1,64}$": "must be 1 to 64 of A-Z, a-z, 0-9",
    r"^[A-Z0-9]{1,32}$": "must be 1 to 32 of A-Z, 0-9",
    r"^[a-z0-9:.-]{1,128}$": "must be 1 to 128 of a-z, 0-9, : . -",
    r"^[a-z]([-a-z0-9]{0,61}[a-z0-9])?$": "must be 1 to 63 of a-z, 0-9, -, beginning with a letter, not ending with -",
    r"^[A-Z]{1,20}$": "must be 1 to 20 of A-Z",
    r"^/[\x21-\x7e]*$": "must begin with / and hold only printable ASCII without spaces",
    r"^[0-9a-fA-F]{64}$": "must be 64 hexadecimal digits",
    r"^[0-9A-Za-z_-]{0,64}$": "must be at most 64 of A-Z, a-z, 0-9, _ -",
    r"^$|^act-[0-9a-f]{16}$": "must be act- and 16 hexadecimal digits in lower case",
}
"""The sentence for each pattern of a model."""

type Context = Mapping[str, Any]

SENTENCES: Mapping[str, str | Callable[[Context], str]] = {
    "string_type": "must be text",
    "string_unicode": "must be text in UTF-8",
    "string_too_short": lambda context: f"needs at least {counted(context['min_length'], 'character')}",
    "string_too_long": lambda context: f"must have at most {counted(context['max_length'], 'character')}",
    "string_pattern_mismatch": lambda context: FORMS.get(context["pattern"], "has an invalid form"),
    "path_type": "must be a path",
    "bool_type": "must be true or false",
    "bool_parsing": "must be true or false",
    "int_type": "must be a whole number",
    "int_parsing": "must be a whole number",
    "int_parsing_size": "is too large",
    "int_from_float": "must be a whole number",
    "float_type": "must be a number",
    "float_parsing": "must be a number",
    "greater_than": lambda context: f"must be more than {_number(context['gt'])}",
    "greater_than_equal": lambda context: f"must be {_number(context['ge'])} or more",
    "less_than": lambda context: f"must be less than {_number(context['lt'])}",
    "less_than_equal": lambda context: f"must be {_number(context['le'])} or less",
    "enum": lambda context: f"must be {context['expected']}",
    "literal_error": lambda context: f"must be {context['expected']}",
    "list_type": "must be a list",
    "tuple_type": "must be a list",
    "too_short": lambda context: f"needs at least {counted(context['min_length'], 'value')}",
    "too_long": lambda context: f"must have at most {counted(context['max_length'], 'value')}",
    "extra_forbidden": "unknown key",
    "missing": "is required",
}
TABLE_TYPES = frozenset({"dict_type", "model_type", "model_attributes_type"})


def describe(problem: Mapping[str, Any], table: str = "a table") -> str:
    """What is wrong with a value: an item of ValidationError.errors(). A kind that is not known has pydantic's text.

    `table`: what the format of the input calls a set of keys and values.
    """
    if problem["type"] in TABLE_TYPES:
        return f"must be {table}"
    sentence = SENTENCES.get(problem["type"])
    if sentence is None:
        return str(problem["msg"]).removeprefix("Value error, ")
    return sentence if isinstance(sentence, str) else sentence(problem.get("ctx", {}))


def _number(value: float) -> str:
    return str(int(value)) if value == int(value) else str(value)
