"""How late the checks of each table's hosts are: the metric edgeward_sweep_oldest_check_seconds."""


class CheckAges:
    """The longest times between two checks of a target that is still requested, by table, within a while.

    Args:
        seconds: how long one counts, at least; at most twice as long.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds, self._until = seconds, 0.0
        self._now: dict[str, float] = {}
        self._before: dict[str, float] = {}

    def note(self, table: str, age: float, now: float) -> None:
        """At `now` (Unix seconds) a target was checked whose last check was `age` seconds ago."""
        self._turn(now)
        self._now[table] = max(age, self._now.get(table, 0.0))

    def oldest(self, table: str, now: float) -> float:
        """In seconds; 0 if none was checked."""
        self._turn(now)
        return max(self._now.get(table, 0.0), self._before.get(table, 0.0))

    def _turn(self, now: float) -> None:
        # Beyond that, the clock was set back. (`now` may be that of a moment ago.)
        if not now < self._until <= now + 2 * self._seconds:
            is_recent = now < self._until + self._seconds
            self._before, self._now = (self._now if is_recent else {}), {}
            self._until = now + self._seconds
