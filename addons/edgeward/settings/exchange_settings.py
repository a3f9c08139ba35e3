"""The settings of exchanges: programmes whose own interface is pulled."""

from collections.abc import Mapping
from typing import Literal, Self

from pydantic import Field, model_validator

from edgeward.settings.setting_types import ApiUrl, OptionalSecret
from edgeward.settings.source_settings import SourceSettings

REQUIRED: Mapping[str, tuple[str, ...]] = {
    "ncmec": ("username", "password"),
    "stopncii": ("subscription_key", "function_key"),
    "threatexchange": ("token", "privacy_group"),
    "tat": ("username", "password"),
}
"""By type of exchange, the keys that it needs."""
OF_TYPES = frozenset(key for keys in REQUIRED.values() for key in keys)
TAKE_FEEDBACK: Mapping[str, str] = {"ncmec": "mistake_reason", "stopncii": "feedback_function_key"}
"""The types that take feedback, each with a key of its own for it."""


class ExchangeSettings(SourceSettings):
    """A hash programme whose own interface is pulled: what is new since the last time, and what was deleted."""

    type: Literal["ncmec", "stopncii", "threatexchange", "tat"]
    """The programme: NCMEC hash sharing, StopNCII.org, Meta's ThreatExchange, Tech Against Terrorism."""
    skip_bad: bool = True
    """Import the good records even if others are bad; these are named. Else one bad record stops the whole pull."""
    environment: Literal[
        "industry", "industry_exploitative", "law_enforcement", "ngo", "exploitative", "ngo_generative_ai",
        "ngo_generative_ai_exploitative", "test_industry", "test_industry_exploitative", "test_law_enforcement",
        "test_ngo", "test_exploitative", "test_ngo_generative_ai", "test_ngo_generative_ai_exploitative",
    ] = "industry"  # fmt: skip
    """Of ncmec: the database that is read. Each has its own content and credentials."""
    url: ApiUrl | None = None
    """URL of the interface. Not set: the programme's own."""
    username: str = ""
    """Of ncmec and tat: user name."""
    password: OptionalSecret = ""
    """Of ncmec and tat: password. May be "env:NAME" or "file:PATH"."""
    token: OptionalSecret = ""
    """Of threatexchange: access token of your app. May be "env:NAME" or "file:PATH"."""
    privacy_group: int | None = Field(default=None, ge=1)
    """Of threatexchange: id of the privacy group whose indicators are read."""
    subscription_key: OptionalSecret = ""
    """Of stopncii: the key Ocp-Apim-Subscription-Key. May be "env:NAME" or "file:PATH"."""
    function_key: OptionalSecret = ""
    """Of stopncii: the key x-functions-key of FetchHashes. May be "env:NAME" or "file:PATH"."""
    feedback: bool = False
    """Of ncmec and stopncii: send what staff report of entries (`edgeward report`) to the programme."""
    feedback_function_key: OptionalSecret = ""
    """Of stopncii, needed for feedback: the key x-functions-key of SubmitFeedback. May be "env:NAME" or "file:PATH"."""
    mistake_reason: str = Field(default="", max_length=200)
    """Of ncmec: the reason for feedback that an entry is a mistake: name or GUID of one of NCMEC's. Not needed if there
    is only one."""

    @model_validator(mode="after")
    def _keys_of_type(self) -> Self:
        required = REQUIRED[self.type]
        if missing := [key for key in required if not getattr(self, key)]:
            raise ValueError(f"type = {self.type!r} needs {' and '.join(missing)}")
        if foreign := sorted(key for key in OF_TYPES - set(required) if getattr(self, key)):
            raise ValueError(f"type = {self.type!r} has no {foreign[0]}")
        own = {TAKE_FEEDBACK.get(self.type, "")} | ({"feedback"} if self.type in TAKE_FEEDBACK else set())
        of_feedback = ("feedback", *TAKE_FEEDBACK.values())
        if foreign := [key for key in of_feedback if getattr(self, key) and key not in own]:
            raise ValueError(f"type = {self.type!r} has no {foreign[0]}")
        if self.feedback and self.type == "stopncii" and not self.feedback_function_key:
            raise ValueError("feedback = true needs feedback_function_key")
        return self
