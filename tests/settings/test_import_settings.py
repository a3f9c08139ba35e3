"""The settings of imports."""

import pytest
from pydantic import ValidationError

from edgeward.settings.import_settings import ImportSettings


def test_a_file_may_be_of_many_gigabytes() -> None:
    """By default; a limit below a thousand bytes would let nothing in."""
    assert ImportSettings().max_bytes == 16 * 2**30
    with pytest.raises(ValidationError):
        ImportSettings(max_bytes=1000)
