"""One thing that was looked at, and what to mend where it is not well."""

from dataclasses import dataclass
from enum import StrEnum


class Health(StrEnum):
    OK = "ok"
    WARN = "warn"
    """It works, but a promise is weaker than it could be."""
    FAIL = "fail"
    SKIPPED = "skipped"
    """It could not be tried; `said` says why."""


@dataclass(frozen=True, slots=True)
class Finding:
    """`about`: the part that was looked at: a cache's name, "store", "lists", "proxy", "hashers", "clock".

    `check`: what of it.
    """

    about: str
    check: str
    health: Health
    said: str
    mend: str = ""


def ok(about: str, check: str, said: str) -> Finding:
    return Finding(about, check, Health.OK, said)


def warn(about: str, check: str, said: str, mend: str) -> Finding:
    return Finding(about, check, Health.WARN, said, mend)


def fail(about: str, check: str, said: str, mend: str) -> Finding:
    return Finding(about, check, Health.FAIL, said, mend)


def skipped(about: str, check: str, said: str, mend: str = "") -> Finding:
    return Finding(about, check, Health.SKIPPED, said, mend)
