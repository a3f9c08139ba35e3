"""The clock by which repeats are due and by which old orders go: the store's, with its steps taken out.

{purges}:clock  hash: `shift`, the sum of all steps of the store's clock that were noticed, in seconds; `steps`, their
                number; `stepped`, the store's time after the last large one; `looked`, when a controller looked last;
                `last_orders`, JSON: of each of the latest steps the id of the last order before it, and `shift` then

Each controller looks every second. A step is noticed by comparing with a clock that never steps, and is noted once,
whichever controller notices it first. If none ran, the first one that starts takes the step that the other processes
have noticed (lists/replication/membership.py). Repeats are due by the store's time less `shift`, so a step moves none
of them.
"""

import asyncio
import json
import logging
from enum import StrEnum

from edgeward import metrics
from edgeward.lists.replication.membership import Membership
from edgeward.purging.cache_nodes import id_numbers
from edgeward.store.connection import Arg, Store
from edgeward.store.shared_time import MAX_SKEW_SECONDS, STEP_SECONDS
from edgeward.types import placed_at

logger = logging.getLogger(__name__)

SETTLED_SECONDS = 86400.0
"""After a large step nothing is removed for its age for this time: people have a day to set the clock right."""
UNWATCHED_SECONDS = 3600.0
"""If no controller looked for longer, the clock may have stepped meanwhile: that counts as a large step."""
MAX_LAST_ORDERS = 16
"""Steps of the store's clock of which it is known which orders were placed before."""
MAX_LOOK_SECONDS = 3.0
"""Two controllers' looks are told apart by more than this: one may answer late."""

# A look that another controller has noted after the time that this one expects shows that time passed, and that this
# controller's machine stood still: no step. A look that lies ahead of now shows that the clock was set back. The time
# is the caller's: the store's clock may have stepped again since the caller read it.
# KEYS: clock, stream of orders. ARGV: number of steps that the caller knows or '', the step that it saw or 0, now,
#   a large step, unwatched seconds, how late a look may be, number of steps of which the last order is kept,
#   when other processes noticed a step last, and how long it was
# -> {steps, shift, time of the last large step or '', last_orders}
_LOOK = """
local now = tonumber(ARGV[3])
local known = redis.call('HMGET', KEYS[1], 'steps', 'shift', 'stepped', 'looked', 'last_orders')
local steps, shift = tonumber(known[1] or 0), tonumber(known[2] or 0)
local stepped, looked = known[3] and tonumber(known[3]), known[4] and tonumber(known[4])
local step, late = tonumber(ARGV[2]), tonumber(ARGV[6])
if ARGV[1] == '' then
  step = 0
  local noticed_at, noticed = tonumber(ARGV[8]), tonumber(ARGV[9])
  if looked and looked - now > late then
    step = now - looked
  elseif looked and noticed > 0 and looked <= noticed_at - noticed + late then
    step = noticed -- no controller has looked since
  end
  if looked and now - looked > tonumber(ARGV[5]) then stepped = now end
elseif steps ~= tonumber(ARGV[1]) then
  step = 0
elseif step > 0 and looked and looked > now - step + late then
  step = 0
end
local function text(number) return string.format('%.6f', number) end
local last_orders = known[5] or '[]'
if step ~= 0 then
  local last = redis.call('XREVRANGE', KEYS[2], '+', '-', 'COUNT', 1)[1]
  if last then
    local rows = cjson.decode(last_orders)
    rows[#rows + 1] = {last[1], text(shift)}
    if #rows > tonumber(ARGV[7]) then table.remove(rows, 1) end
    last_orders = cjson.encode(rows)
    redis.call('HSET', KEYS[1], 'last_orders', last_orders)
  end
  steps, shift = steps + 1, shift + step
  if math.abs(step) > tonumber(ARGV[4]) then stepped = now end
end
redis.call('HSET', KEYS[1], 'steps', steps, 'shift', text(shift))
-- A controller that starts just after a step must not hide it from those that can notice it.
if ARGV[1] ~= '' or not looked or looked > now then redis.call('HSET', KEYS[1], 'looked', text(now)) end
if stepped then redis.call('HSET', KEYS[1], 'stepped', text(stepped)) end
return {steps, text(shift), stepped and text(stepped) or '', last_orders}
"""


class NotTrimmed(StrEnum):
    """Why nothing is removed for its age."""

    SKEW = "skew"
    """This machine's clock and the store's differ."""
    STEP = "step"
    """The store's clock has stepped within SETTLED_SECONDS."""


class ScheduleClock:
    """What this process knows of that clock. Without any look it is the store's."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._keys = store.key("{purges}", "clock"), store.key("{purges}", "orders")
        self._steps: int | None = None
        self._shift = 0.0
        self._last_orders: list[tuple[tuple[int, int], float]] = []
        self._stepped_at: float | None = None
        # The offset of the store's clock when `_shift` was read: both change together.
        self._offset: float | None = None
        self._refusal: NotTrimmed | None = None
        self._looking = asyncio.Lock()
        # Steps that were seen, and that the store could not take yet.
        self._unnoted = 0.0

    def now(self) -> float:
        """The time by which repeats are due, in seconds."""
        clock = self._store.clock
        return clock.now() - clock.offset + (clock.offset if self._offset is None else self._offset) - self._shift

    def store_time(self) -> float:
        """The store's time, Unix seconds: that of orders and outcomes."""
        return self._store.clock.now()

    def at(self, store_time: float) -> float:
        """This clock's time at a time of the store."""
        return store_time - self._shift

    @property
    def is_known(self) -> bool:
        """Whether this process has looked."""
        return self._steps is not None

    def seconds_since(self, order_id: str) -> float:
        """How long ago an order was placed, without steps of the store's clock since then. The time in the id of an
        order that was placed after the clock was set back may be still to come: then 0.0."""
        numbers = id_numbers(order_id)
        shift = next((before for last, before in self._last_orders if numbers <= last), self._shift)
        return max(0.0, self.now() - (placed_at(order_id) - shift))

    def placed_at(self, order_id: str) -> float | None:
        """When an order was placed, Unix seconds of the store; None if that is not known: while the store's clock is
        behind the last order, since it was set back, new orders get the time of that one."""
        at = placed_at(order_id)
        is_unknown = at > self.store_time() + STEP_SECONDS or id_numbers(order_id)[0] in self._last_times
        return None if is_unknown else at

    @property
    def _last_times(self) -> set[int]:
        """The times in the ids of the last orders before steps, in milliseconds."""
        return {milliseconds for (milliseconds, _), _ in self._last_orders}

    @property
    def shift(self) -> float:
        """The sum of all steps of the store's clock that were noticed, in seconds."""
        return self._shift

    @property
    def refusal(self) -> NotTrimmed | None:
        """Why nothing may be removed for its age now; None: it may."""
        clock = self._store.clock
        if abs(clock.skew) > MAX_SKEW_SECONDS:
            return NotTrimmed.SKEW
        if self._stepped_at is not None and abs(clock.now() - self._stepped_at) < SETTLED_SECONDS:
            return NotTrimmed.STEP
        return None

    async def may_trim(self) -> bool:
        """Look, and say whether anything may be removed for its age."""
        await self.look()
        return self.refusal is None

    async def look(self) -> None:
        """Ask for the time, note a step of the store's clock if this process is the first to see it.

        Raises:
            STORE_AWAY: the store can't be asked.
        """
        # One after the other: a step is seen by one of them only, which must note it first.
        async with self._looking:
            await self._look()

    async def _look(self) -> None:
        clock = self._store.clock
        self._unnoted += await clock.learn()
        known = "" if self._steps is None else self._steps
        args: list[Arg] = [known, f"{self._unnoted:.6f}", f"{clock.now():.6f}"]
        args += [MAX_SKEW_SECONDS, UNWATCHED_SECONDS, MAX_LOOK_SECONDS, MAX_LAST_ORDERS]
        noticed = await Membership(self._store).last_clock_step() if self._steps is None else None
        args += [f"{each:.6f}" for each in noticed or (0.0, 0.0)]
        steps, shift, stepped, last_orders = await self._store.run(_LOOK, self._keys, args)
        self._unnoted = 0.0
        if self._steps is not None and steps > self._steps:
            logger.error(
                "the store's clock has stepped by %.1f s: repeated purges keep their times", float(shift) - self._shift
            )
        self._steps, self._shift, self._offset = int(steps), float(shift), clock.offset
        self._stepped_at = float(stepped) if stepped else None
        self._last_orders = [(id_numbers(last), float(before)) for last, before in json.loads(last_orders)]
        self._report()

    def _report(self) -> None:
        refusal, before = self.refusal, self._refusal
        for reason in NotTrimmed:
            metrics.trimming_refused.labels(reason).set(refusal is reason)
        self._refusal = refusal
        if refusal is before:
            return
        if refusal is NotTrimmed.SKEW:
            logger.error("this machine's clock and the store's differ: nothing is removed for its age until they agree")
        elif refusal is NotTrimmed.STEP:
            logger.error("the store's clock may have stepped: nothing is removed for its age for a day")
        else:
            logger.info("clocks agree: old orders are removed again")
