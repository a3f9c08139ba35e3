"""The description of each setting: the sentence under it in the source, read when a document or a command needs it.

pydantic's `use_attribute_docstrings` would read the source of every section at each start of each process.
"""

import ast
import inspect
import textwrap
from collections.abc import Iterator, Mapping
from functools import cache
from itertools import pairwise

from pydantic import BaseModel


@cache
def descriptions(model: type[BaseModel]) -> Mapping[str, str]:
    """The description of each setting of a section by its key, inherited ones included.

    A key without one is left out; all are where the source is not installed.
    """
    found: dict[str, str] = {}
    for kind in reversed(model.__mro__):
        if issubclass(kind, BaseModel) and kind is not BaseModel:
            found.update(_own(kind))
    return {key: found[key] for key in model.model_fields if key in found}


def _own(model: type[BaseModel]) -> Iterator[tuple[str, str]]:
    """The keys that a class itself defines, each with the string under it."""
    try:
        source = inspect.getsource(model)
    except OSError:
        return
    (definition,) = ast.parse(textwrap.dedent(source)).body
    assert isinstance(definition, ast.ClassDef)
    for key, below in pairwise(definition.body):
        if isinstance(key, ast.AnnAssign) and isinstance(key.target, ast.Name) and isinstance(below, ast.Expr):
            text = below.value.value if isinstance(below.value, ast.Constant) else None
            if isinstance(text, str):
                yield key.target.id, inspect.cleandoc(text)
