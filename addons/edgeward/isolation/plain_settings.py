"""Settings as isolated processes get them: JSON on their command line, whose values become plain attributes.

Their parent has validated them. To import pydantic and the models again would take a quarter of their start.
"""

import json
from types import SimpleNamespace
from typing import Any


def plain_settings(text: str) -> Any:
    """An object with the values of a section (its `model_dump_json`) as attributes; lists become tuples."""
    values = json.loads(text)
    return SimpleNamespace(
        **{name: tuple(value) if isinstance(value, list) else value for name, value in values.items()}
    )
