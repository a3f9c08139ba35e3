"""Hosts whose removals are not noticed or not purged: what all controllers know of them, for people.

{sweep}:down    hash: host -> "SINCE LAST PROBLEM": it has not answered since then (Unix seconds), and why
{sweep}:holds   sorted set: host -> since when it is held; see `host_answers`
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from edgeward.origin_check.host_tables import table_of
from edgeward.settings.config import Config
from edgeward.store.connection import Arg, Store

MAX_HOSTS = 1000
FORGET_SECONDS = 900
"""A host that no controller found down for this long is not known to be: its pauses are shorter."""
MAX_PROBLEM_LENGTH = 200

# KEYS: down. ARGV: host, now, problem, forget after, limit of hosts. Answers: whether it was up before
_DOWN = """
local since, last = string.match(redis.call('HGET', KEYS[1], ARGV[1]) or '', '(%S+) (%S+)')
if not since and redis.call('HLEN', KEYS[1]) >= tonumber(ARGV[5]) then return 0 end
local begins = not since or ARGV[2] - last > tonumber(ARGV[4])
redis.call('HSET', KEYS[1], ARGV[1], (begins and ARGV[2] or since) .. ' ' .. ARGV[2] .. ' ' .. ARGV[3])
redis.call('EXPIRE', KEYS[1], ARGV[4])
return begins and 1 or 0
"""


class HostState(StrEnum):
    DOWN = "down"
    """Its origin does not answer: removals are not noticed."""
    HELD = "held"
    """It removed most of its images at once: removals are not purged."""


@dataclass(frozen=True, slots=True)
class HostProblem:
    """A host with a problem.

    Attributes:
        table: see `host_tables`.
        since: Unix seconds.
        detail: why it is down, for people; "" if it is held.
    """

    host: str
    table: str
    state: HostState
    since: float
    detail: str = ""


class HostProblems:
    """The hosts with problems, in the store."""

    def __init__(self, store: Store, config: Config) -> None:
        self._store, self._config = store, config
        # Any: redis-py's types allow for decoded answers too; ours are bytes.
        self._redis: Any = store.redis
        self._down, self._holds = store.key("{sweep}", "down"), store.key("{sweep}", "holds")

    async def note_down(self, host: str, problem: str, now: float) -> bool:
        """The host's origin does not answer. Returns whether it did before, as far as any controller knows."""
        args: list[Arg] = [host, f"{now:.3f}", problem[:MAX_PROBLEM_LENGTH], FORGET_SECONDS, MAX_HOSTS]
        return bool(await self._store.run(_DOWN, [self._down], args))

    async def note_up(self, host: str) -> bool:
        """The host's origin answers. Returns whether it was down."""
        return bool(await self._redis.hdel(self._down, host))

    async def read(self, now: float) -> list[HostProblem]:
        """All of them: the longest first."""
        found = [
            HostProblem(host.decode(), table_of(self._config, host.decode()), HostState.HELD, since)
            for host, since in await self._redis.zrange(self._holds, 0, -1, withscores=True)
        ]
        for field, text in (await self._redis.hgetall(self._down)).items():
            since, last, detail = text.decode().split(" ", 2)
            if now - float(last) <= FORGET_SECONDS:
                host = field.decode()
                found.append(HostProblem(host, table_of(self._config, host), HostState.DOWN, float(since), detail))
        return sorted(found, key=lambda each: each.since)


def counted_by_table(problems: Iterable[HostProblem]) -> Counter[tuple[str, HostState]]:
    """How many hosts of each table are in each state."""
    return Counter((each.table, each.state) for each in problems)
