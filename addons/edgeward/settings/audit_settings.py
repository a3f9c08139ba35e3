"""The settings of the audit trail."""

from pydantic import Field

from edgeward.settings.setting_types import Section


class AuditSettings(Section):
    """The audit trail: who changed what, when, from where and why."""

    keep_days: float = Field(default=365.0, ge=1, le=36500)
    """How long its lines are kept, in days. Those older than a day are compressed."""
