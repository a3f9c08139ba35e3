"""The settings of an operator's own models."""

import pytest
from pydantic import ValidationError

from edgeward.settings.classifier_settings import ClassifierSettings


def test_a_share_is_a_share() -> None:
    """Of the images; more than all is refused."""
    assert ClassifierSettings(name="m", sample=1.0).sample == 1.0
    with pytest.raises(ValidationError, match="sample"):
        ClassifierSettings(name="m", sample=1.5)
