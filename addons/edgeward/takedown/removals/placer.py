"""Carries takedowns out. Several controllers share the work, and go on with what one that died has begun.

A takedown is done in parts, each noted when its orders are placed. Who takes it over begins after the last part that
was noted; what is ordered twice by that does no harm.
"""

import asyncio
import logging
import time
from contextlib import aclosing, suppress

from edgeward import metrics
from edgeward.store.connection import STORE_AWAY
from edgeward.takedown.absence import Absence
from edgeward.takedown.purging.orders import Orders
from edgeward.takedown.removals.parts import Parts
from edgeward.takedown.removals.takedowns import Takedowns

logger = logging.getLogger(__name__)

IN_HAND = 64
"""Takedowns that one controller works on at the same time."""
TICK_SECONDS = 1.0
FORGET_SECONDS = 3600.0


class Placer:
    """The worker of one controller. A takedown is kept for `keep_seconds`, and as long as its last order is."""

    def __init__(self, takedowns: Takedowns, parts: Parts, orders: Orders, keep_seconds: float) -> None:
        self._takedowns, self._parts, self._orders = takedowns, parts, orders
        self._keep_seconds = keep_seconds
        self._in_hand: dict[str, asyncio.Task[None]] = {}
        self._wake = asyncio.Event()
        self._absence = Absence("takedowns")
        self._forgot = time.monotonic() - FORGET_SECONDS
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        self._task = asyncio.create_task(self._run(), name="placer")

    async def close(self) -> None:
        """Stop. What is not done is taken over by another controller, or by the next life of this one."""
        tasks = [*([self._task] if self._task else []), *self._in_hand.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def wake(self) -> None:
        """There is a new takedown."""
        self._wake.set()

    async def _run(self) -> None:
        while True:
            self._wake.clear()
            try:
                await self._step()
                self._absence.over()
            except STORE_AWAY as error:
                self._absence.note(error)
            except Exception:
                # A defect must not end the takedowns for good: it is counted, and they stay open.
                metrics.gate_errors.labels("placer").inc()
                logger.exception("takedowns: defect; going on")
            with suppress(TimeoutError):
                async with asyncio.timeout(TICK_SECONDS):
                    await self._wake.wait()

    async def _step(self) -> None:
        free = IN_HAND - len(self._in_hand)
        for takedown_id in await self._takedowns.claim(free, list(self._in_hand)):
            if takedown_id not in self._in_hand:
                self._in_hand[takedown_id] = asyncio.create_task(self._work(takedown_id))
        if time.monotonic() - self._forgot > FORGET_SECONDS:
            self._forgot = time.monotonic()
            await self._forget()

    async def _work(self, takedown_id: str) -> None:
        """One that does not come to its end is taken up again when its lease has run out."""
        try:
            await self._carry_out(takedown_id)
        except STORE_AWAY as error:
            self._absence.note(error)
        except Exception:
            # A defect in one takedown must not touch the others: it is counted, and the takedown stays open.
            metrics.gate_errors.labels("placer").inc()
            logger.exception("takedowns: defect in one of them; it is tried again")
        finally:
            del self._in_hand[takedown_id]

    async def _carry_out(self, takedown_id: str) -> None:
        takedown, progress = await self._takedowns.get(takedown_id)
        for number, part in enumerate(self._parts.of(takedown)):
            if number >= progress.parts:
                async with aclosing(part()) as placed:
                    async for ids in placed:
                        await self._takedowns.note_part(takedown_id, number, ids)
                await self._takedowns.note_part(takedown_id, number + 1, ())
        await self._takedowns.finish(takedown_id)

    async def _forget(self) -> None:
        """Forget what is old and whose last order is forgotten: orders go from the oldest on."""
        old = await self._takedowns.older(time.time() - self._keep_seconds)
        known = {order.id for order, _ in await self._orders.of([last for _, last in old if last])}
        for takedown_id, last in old:
            if last not in known:
                await self._takedowns.forget(takedown_id)
