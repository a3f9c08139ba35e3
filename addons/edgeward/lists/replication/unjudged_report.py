"""What a process says with each heartbeat of responses that it has not judged."""

from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from typing import Any

HOSTS_REPORTED = 16


@dataclass(frozen=True, slots=True)
class UnjudgedReport:
    """What one process has still to judge.

    Attributes:
        open_count: how many responses are unjudged now, without the pending ones.
        pending: how many requests nobody has answered yet, so that no cache can have stored a response.
        open_seconds: for how long the oldest of them has been.
        under_way: how many requests its journal has: these, and those that may become unjudged if the process dies.
        journal: the name of the journal, unique among all; "-": it has none.
        taken_over: names of the journals of dead processes whose requests are in this one since the last report. The
            one who has reported them clears it.
        hosts: those with the most of `open_count`, as their requests name them; at most HOSTS_REPORTED.
        elsewhere: how many of `open_count` are at other hosts, or at hosts that are not known.
        stuck: how many requests a wait has ended without: nothing hastens them.
    """

    open_count: int = 0
    open_seconds: float = 0.0
    under_way: int = 0
    journal: str = "-"
    taken_over: list[str] = field(default_factory=list)
    pending: int = 0
    hosts: Sequence[str] = ()
    elsewhere: int = 0
    stuck: int = 0

    def told(self) -> dict[str, Any]:
        """What a heartbeat tells of it: arguments of Membership.heartbeat."""
        return {each.name: getattr(self, each.name) for each in fields(self) if each.name != "taken_over"}
