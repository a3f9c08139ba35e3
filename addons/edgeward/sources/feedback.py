"""Feedback: what staff have decided on an entry that an exchange listed, for the programme that it came from."""

import json
from dataclasses import asdict, dataclass, fields
from enum import StrEnum
from typing import Self

from edgeward.errors import EdgewardError


class Decided(StrEnum):
    """What an entry turned out to be."""

    MATCH = "match"
    """It blocks what it is meant for."""
    MISTAKE = "mistake"
    """It does not."""


class FeedbackRefused(EdgewardError):
    """A programme can't take this feedback, also not later."""


@dataclass(frozen=True, slots=True)
class Feedback:
    """Feedback on one entry.

    Attributes:
        entry: id of the entry.
        list: name of its list.
        type, value: its signal.
        source_id: the id that the programme gave it.
        decided: a value of `Decided`.
        by: who decided.
        at: when, Unix seconds by the store's clock.
        tries: how often it was sent in vain.
        next_at: when it is sent next.
        error: why it was not taken the last time; "" if it was not sent yet.
    """

    entry: str
    list: str
    type: str
    value: str
    source_id: str
    decided: str
    by: str
    at: float
    tries: int = 0
    next_at: float = 0.0
    error: str = ""

    def to_json(self) -> str:
        return json.dumps(asdict(self), separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str | bytes) -> Self:
        """Feedback as stored. What a later release wrote besides is passed over."""
        data = json.loads(text)
        return cls(**{each.name: data[each.name] for each in fields(cls) if each.name in data})
