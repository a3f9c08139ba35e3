"""The settings of imports."""

from pydantic import Field

from edgeward.settings.setting_types import Section


class ImportSettings(Section):
    """Files of hashes (`edgeward import`)."""

    max_bytes: int = Field(default=16 * 1024**3, ge=1024)
    """Largest file that is imported, in bytes, as it is sent. It is kept in state_dir while it is read."""
