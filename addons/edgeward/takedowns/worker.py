"""Carries out takedowns.

A takedown is done in steps, each noted when its orders are placed. If a controller dies, another resumes after the last
step that was noted. It may order some purges a second time, which does no harm.
"""

from contextlib import aclosing

from edgeward.background.job_worker import JobWorker
from edgeward.background.worker_loop import WorkerLoop
from edgeward.purging.orders import Orders
from edgeward.takedowns.steps import TakedownSteps
from edgeward.takedowns.takedowns import Takedown, Takedowns

MAX_CONCURRENT = 64
"""Takedowns that one controller carries out at the same time. Most of that time they wait for the store."""
FORGET_SECONDS = 3600.0
"""How often old takedowns are looked for."""
FORGET_RETRY_SECONDS = (5.0, 600.0)
"""Pause after a look that failed: the first, and the longest."""


class TakedownWorker(JobWorker):
    """The takedown worker of one controller.

    Args:
        keep_seconds: how long a takedown is kept at least; it is never forgotten before its last order.
    """

    def __init__(self, takedowns: Takedowns, steps: TakedownSteps, orders: Orders, keep_seconds: float) -> None:
        super().__init__("takedowns", takedowns.job_store, MAX_CONCURRENT, metric_label="takedowns")
        self._takedowns, self._steps, self._orders = takedowns, steps, orders
        self._keep_seconds = keep_seconds
        self._forget_loop = WorkerLoop(
            "old takedowns",
            self.forget_old,
            metric_label="takedowns",
            retry_seconds=FORGET_RETRY_SECONDS,
            pause_seconds=FORGET_SECONDS,
            outage_log=self._outage_log,
        )

    async def start(self) -> None:
        await super().start()
        await self._forget_loop.start()

    async def close(self) -> None:
        await self._forget_loop.close()
        await super().close()

    async def carry_out(self, job_id: str) -> None:
        """Do the steps of a takedown that are not done yet."""
        takedown, progress = await self._takedowns.get(job_id)
        for number, step in enumerate(self._steps.plan(takedown)):
            if number < progress.steps:
                continue
            async with aclosing(step()) as placed:
                async for order_ids in placed:
                    await self._takedowns.note_steps(job_id, number, order_ids)
            await self._takedowns.note_steps(job_id, number + 1, ())
        await self._takedowns.finish(job_id)

    def step_count(self, takedown: Takedown) -> int:
        """How many steps the takedown has."""
        return len(self._steps.plan(takedown))

    async def forget_old(self) -> None:
        """Remove takedowns that are old enough and whose last order is forgotten: orders are forgotten oldest first."""
        clock = self._orders.clock
        if not await clock.may_trim():
            return
        old = await self._takedowns.finished_before(clock.store_time() - self._keep_seconds)
        known = {
            order.id for order, _ in await self._orders.get_many([last_order for _, last_order in old if last_order])
        }
        for takedown_id, last_order in old:
            if last_order not in known:
                await self._takedowns.forget(takedown_id)
