"""The settings of exchanges."""

from typing import Any

import pytest
from pydantic import ValidationError

from edgeward.settings.config import Config
from edgeward.settings.exchange_settings import ExchangeSettings

NCMEC: dict[str, Any] = {"name": "n", "list": "a", "type": "ncmec", "username": "u", "password": "hush"}

STOPNCII = {"type": "stopncii", "username": "", "password": "", "subscription_key": "s", "function_key": "f"}


def test_each_type_has_its_keys() -> None:
    """A missing one, and one of another type, is an error that names it; secrets are not shown."""
    assert "hush" not in repr(ExchangeSettings.model_validate(NCMEC).shown())
    for changed, why in (
        ({"password": ""}, "'ncmec' needs password"),
        ({"type": "threatexchange"}, "needs token and privacy_group"),
        ({"token": "t"}, "'ncmec' has no token"),
        ({"environment": "moon"}, "environment"),
        ({"type": "hma"}, "type"),
        ({"type": "tat", "feedback": True}, "'tat' has no feedback"),
        ({"feedback_function_key": "k"}, "'ncmec' has no feedback_function_key"),
        ({**STOPNCII, "mistake_reason": "r"}, "'stopncii' has no mistake_reason"),
        ({**STOPNCII, "feedback": True}, "needs feedback_function_key"),
    ):
        with pytest.raises(ValidationError, match=why):
            ExchangeSettings.model_validate({**NCMEC, **changed})


def test_no_source_has_the_name_of_another() -> None:
    """Also of the other kind."""
    source = {"name": "n", "list": "a", "location": "x"}
    with pytest.raises(ValidationError, match="'n' is that of one of list_sources"):
        Config.model_validate({"list_sources": [source], "exchanges": [NCMEC]})
