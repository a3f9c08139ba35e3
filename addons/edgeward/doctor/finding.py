"""The result of one check, and how to fix what is wrong."""

from dataclasses import dataclass
from enum import StrEnum


class Health(StrEnum):
    OK = "ok"
    WARN = "warn"
    """It works, but a guarantee is weaker than it could be."""
    FAIL = "fail"
    SKIPPED = "skipped"
    """It could not be checked; `detail` says why."""


@dataclass(frozen=True, slots=True)
class Finding:
    """The result of one check.

    Attributes:
        about: what was checked: a cache's name, "caches", "store", "lists", "proxy", "hashers", "hosts", "clock",
            "controller" or "state_dir".
        check: which check of it.
        detail: what was found, for people.
        fix: what to do about it; "" if nothing.
    """

    about: str
    check: str
    health: Health
    detail: str
    fix: str = ""

    @property
    def is_failure(self) -> bool:
        return self.health is Health.FAIL


def ok(about: str, check: str, detail: str) -> Finding:
    return Finding(about, check, Health.OK, detail)


def warn(about: str, check: str, detail: str, fix: str) -> Finding:
    return Finding(about, check, Health.WARN, detail, fix)


def fail(about: str, check: str, detail: str, fix: str) -> Finding:
    return Finding(about, check, Health.FAIL, detail, fix)


def skipped(about: str, check: str, detail: str, fix: str = "") -> Finding:
    return Finding(about, check, Health.SKIPPED, detail, fix)
