"""Pauses of hosts that do not answer: nothing is asked of them meanwhile, so that they are not burdened further."""

from dataclasses import dataclass, field

from edgeward.origin_check.queue import ServedTarget

PAUSE_SECONDS = (5.0, 300.0)
"""The first pause, and the longest: they are doubled until the host answers. No host may ask for a longer one."""
FAILED_TARGETS = 3
"""So many targets must fail, without an answer in between, until their host pauses: one alone may be broken."""
FAILED_REQUESTS = 6
"""Or so many requests, of a host that is asked for one or two targets alone."""
MAX_HOSTS = 1000
"""Hosts that are remembered, the latest."""


@dataclass(slots=True)
class _Failing:
    """A host since its last answer: what failed, when its pause ends (Unix seconds), and how long it is."""

    targets: set[tuple[str, str]] = field(default_factory=set)
    requests: int = 0
    until: float = 0.0
    seconds: float = 0.0

    def is_pausing(self, now: float) -> bool:
        """Not for longer than it was to: then the clock was set back. (`now` may be that of a moment ago.)"""
        return now < self.until <= now + self.seconds + 1


class HostPauses:
    """The pauses of all hosts, as this controller knows them."""

    def __init__(self) -> None:
        self._hosts: dict[str, _Failing] = {}

    def end(self, host: str, now: float) -> float:
        """When the host's pause ends (Unix seconds); 0 if it has none."""
        failing = self._hosts.get(host)
        return failing.until if failing and failing.is_pausing(now) else 0.0

    def note_answer(self, host: str) -> bool:
        """The host answered. Returns whether it had paused."""
        failing = self._hosts.pop(host, None)
        return failing is not None and failing.seconds > 0

    def note_failure(self, served: ServedTarget, now: float, asked_for: float = 0.0) -> bool:
        """The host did not answer, or failed. Returns whether a pause begins.

        Args:
            asked_for: seconds for which it asked to be left alone (Retry-After), else 0.
        """
        host = served.target.host
        failing = self._hosts.setdefault(host, _Failing())
        while len(self._hosts) > MAX_HOSTS:
            del self._hosts[next(iter(self._hosts))]
        if len(failing.targets) < FAILED_TARGETS:
            failing.targets.add((served.image, served.target.path))
        failing.requests += 1
        is_few = len(failing.targets) < FAILED_TARGETS and failing.requests < FAILED_REQUESTS
        # Several requests were under way: the first failures have set the pause.
        if is_few or failing.is_pausing(now):
            return False
        first, longest = PAUSE_SECONDS
        failing.seconds = min(longest, max(asked_for, 2 * failing.seconds or first))
        failing.until = now + failing.seconds
        return True
