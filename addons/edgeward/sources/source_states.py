"""What is known of each source, and which controller has it. All is in the store, so that any controller can go on.

{sources}:leases   hash: source -> "HOLDER END", END by the lease clock
{sources}:clock    that clock (store/lease_clock.py)
{sources}:states   hash: source -> SourceState as JSON; only the holder of the lease writes it
{sources}:asked    hash: source -> PullRequest as JSON: somebody wants it to be pulled now
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Self

from edgeward.background.readable_records import readable
from edgeward.store.connection import Store
from edgeward.store.lease_clock import lease_clock

LEASE_SECONDS = 10.0
"""If a controller dies, another takes its sources after this time."""
CLAIM_SECONDS, MAX_CLAIM_GAP = 1.0, 2.5
"""About the time between two claims of any controllers, and the longest that the clock takes for such."""

# KEYS: leases, clock. ARGV: holder, seconds of a lease, names -> the names that it has now
_CLAIM = (
    lease_clock(MAX_CLAIM_GAP, CLAIM_SECONDS)
    + """
local now, time = lease_clock(KEYS[2])
set_lease_clock(KEYS[2], now, time)
local held = {}
for i = 3, #ARGV do
  local holder, lease_end = string.match(redis.call('HGET', KEYS[1], ARGV[i]) or '', '^(%S+) (%S+)$')
  if not holder or holder == ARGV[1] or tonumber(lease_end) < now then
    redis.call('HSET', KEYS[1], ARGV[i], ARGV[1] .. ' ' .. string.format('%.6f', now + ARGV[2]))
    held[#held + 1] = ARGV[i]
  end
end
return held
"""
)

# KEYS: leases. ARGV: holder, names
_RELEASE = """
for i = 2, #ARGV do
  if string.match(redis.call('HGET', KEYS[1], ARGV[i]) or '', '^%S+') == ARGV[1] then
    redis.call('HDEL', KEYS[1], ARGV[i])
  end
end
"""

# KEYS: leases, states. ARGV: holder, name, state -> 1 if the holder has the lease
_SAVE = """
if string.match(redis.call('HGET', KEYS[1], ARGV[2]) or '', '^%S+') ~= ARGV[1] then return 0 end
redis.call('HSET', KEYS[2], ARGV[2], ARGV[3])
return 1
"""


@dataclass(frozen=True, slots=True)
class SourceState:
    """A source. Times are Unix seconds by the store's clock, 0 for what has not happened.

    Attributes:
        since: when a controller first had it.
        phase: "waiting", "pulling", "importing", or what else the state of the import under way is ("held").
        pulled_at: when the last pull began.
        good_at: when the last pull ended well, whether anything was new or not.
        changed_at: when the last import of it was done.
        next_at: when it is pulled next.
        failures: pulls that failed since the last good one.
        error: why the last one failed; "" if it did not.
        problems: what was left out of good pulls, and is tried again or needs a person.
        job: the import under way; "" if none is.
        last_job: the last import that was done.
        total, added, withdrawn: of the last import.
        bad: rows that were left out of it.
        more: whether the source has more to be pulled at once.
        checkpoint: where the next pull begins; each kind of source has its own keys.
        pending: the checkpoint once the import under way is done.
    """

    since: float = 0.0
    phase: str = "waiting"
    pulled_at: float = 0.0
    good_at: float = 0.0
    changed_at: float = 0.0
    next_at: float = 0.0
    failures: int = 0
    error: str = ""
    problems: Sequence[str] = ()
    job: str = ""
    last_job: str = ""
    total: int = 0
    added: int = 0
    withdrawn: int = 0
    bad: int = 0
    more: bool = False
    checkpoint: Mapping[str, Any] = field(default_factory=dict)
    pending: Mapping[str, Any] = field(default_factory=dict)

    def age(self, now: float) -> float:
        """Seconds since the last good pull, or since the source is known."""
        return max(0.0, now - (self.good_at or self.since or now))

    def to_json(self) -> str:
        return json.dumps(asdict(self), separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str | bytes) -> Self:
        """A state as stored. What a later release wrote besides is passed over."""
        data = json.loads(text)
        return cls(**{each.name: data[each.name] for each in fields(cls) if each.name in data})


@dataclass(frozen=True, slots=True)
class PullRequest:
    """Somebody wants a source to be pulled now. `anew`: forget where the last pull ended."""

    by: str
    allow_large_removal: bool = False
    anew: bool = False


class SourceStates:
    """The sources in the store, for one controller.

    Args:
        holder: the controller's name, without spaces; "" for one that only reads.
    """

    def __init__(self, store: Store, holder: str = "") -> None:
        self._store, self._holder = store, holder
        # Any: redis-py's types allow for decoded answers too; ours are bytes.
        self._redis: Any = store.redis
        self._leases, self._clock, self._states, self._asked = (
            store.key("{sources}", name) for name in ("leases", "clock", "states", "asked")
        )

    async def claim(self, names: Sequence[str]) -> set[str]:
        """Take or renew the leases of these sources. Returns those that this controller has now."""
        held = await self._store.run(_CLAIM, [self._leases, self._clock], [self._holder, LEASE_SECONDS, *names])
        return {name.decode() for name in held}

    async def release(self, names: Iterable[str]) -> None:
        """End the leases of these sources: another controller takes them at once."""
        await self._store.run(_RELEASE, [self._leases], [self._holder, *names])

    async def holders(self) -> dict[str, str]:
        """By source, the controller that had it last."""
        found = await self._redis.hgetall(self._leases)
        return {name.decode(): text.decode().partition(" ")[0] for name, text in found.items()}

    async def read(self, names: Sequence[str]) -> dict[str, SourceState]:
        """The states of these sources; of one that is not on record, a new one."""
        texts = await self._redis.hmget(self._states, names) if names else []
        return {name: _state(text) for name, text in zip(names, texts, strict=True)}

    async def save(self, name: str, state: SourceState) -> bool:
        """Write the state of a source. Returns False if another controller has it now: then nothing is written."""
        saved = await self._store.run(_SAVE, [self._leases, self._states], [self._holder, name, state.to_json()])
        return bool(saved)

    async def ask(self, name: str, request: PullRequest) -> None:
        """Have a source pulled now."""
        await self._redis.hset(self._asked, name, json.dumps(asdict(request)))

    async def asked(self, names: Sequence[str]) -> dict[str, PullRequest]:
        """What was asked for of these sources."""
        texts = await self._redis.hmget(self._asked, names) if names else []
        found = {name: json.loads(text) for name, text in zip(names, texts, strict=True) if text is not None}
        known = [each.name for each in fields(PullRequest)]
        return {name: PullRequest(**{key: data[key] for key in known if key in data}) for name, data in found.items()}

    async def answered(self, name: str) -> None:
        """What was asked for of a source is begun."""
        await self._redis.hdel(self._asked, name)


def _state(text: bytes | None) -> SourceState:
    """A new one, too, in place of one that can't be read."""
    return next(iter(readable("source", [text] if text else [], SourceState.from_json)), SourceState())
