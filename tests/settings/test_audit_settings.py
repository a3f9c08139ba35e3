"""The settings of the audit trail."""

import pytest
from pydantic import ValidationError

from edgeward.settings.audit_settings import AuditSettings


def test_it_is_kept_for_a_day_at_least() -> None:
    """What is younger than a day is not archived, and could not be forgotten."""
    assert AuditSettings().keep_days == 365
    with pytest.raises(ValidationError, match="keep_days"):
        AuditSettings(keep_days=0.5)
