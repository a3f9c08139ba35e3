"""The queries of the routes that look something up."""

import pytest
from pydantic import ValidationError

from edgeward.api.lookup_queries import AuditQuery


def test_times_are_numbers() -> None:
    """Unix seconds from 0 on; without one there is no bound."""
    assert AuditQuery.model_validate({"since": "1767225600.5"}).since == 1767225600.5
    assert AuditQuery().since < AuditQuery().until
    for wrong in ("inf", "nan", "-1", "2026-01-01"):
        with pytest.raises(ValidationError):
            AuditQuery.model_validate({"until": wrong})
