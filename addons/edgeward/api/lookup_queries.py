"""Queries of the routes that look something up: their filters and cursors."""

from math import inf
from typing import Annotated

from pydantic import Field

from edgeward.api.requests import LimitQuery, Text

type Seconds = Annotated[float, Field(ge=0, allow_inf_nan=False)]
"""A time in Unix seconds."""


class AuditQuery(LimitQuery):
    """`cursor`: of the previous answer. `after`: the `newest` of an earlier answer."""

    list: Text = ""
    who: Text = ""
    op: Text = ""
    since: Seconds = 0.0
    until: Seconds = inf
    cursor: Text = ""
    after: Text = ""
