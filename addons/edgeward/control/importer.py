"""Works imports off: lists their entries chunk by chunk, and gathers the purge orders that come of them.

Several controllers share the jobs. Where one dies, another goes on with the chunk it was at: whether that chunk is
listed already can be told from the changes made since it was begun.
"""

import asyncio
import logging
from contextlib import suppress

from edgeward import metrics
from edgeward.blocklist.catalogue import Catalogue
from edgeward.blocklist.jobs import Advance, Job, Jobs
from edgeward.errors import NotFound
from edgeward.store.connection import STORE_AWAY
from edgeward.takedown.absence import Absence
from edgeward.takedown.backwards.retro import Retro
from edgeward.takedown.purging.orders import Orders
from edgeward.types import Change, Entry

logger = logging.getLogger(__name__)

IN_HAND = 4
"""Jobs that one controller works on at the same time: a short one need not wait for a long one."""
TICK_SECONDS = 1.0
POLL_SECONDS = 0.02
READ_AT_ONCE = 1000


class Importer:
    """The worker of one controller."""

    def __init__(self, jobs: Jobs, catalogue: Catalogue, retro: Retro, orders: Orders) -> None:
        self._jobs, self._catalogue, self._retro, self._orders = jobs, catalogue, retro, orders
        self._absence = Absence("imports")
        self._wake = asyncio.Event()
        self._in_hand: dict[str, asyncio.Task[None]] = {}
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        self._task = asyncio.create_task(self._run(), name="importer")

    async def close(self) -> None:
        """Stop. What is not done is gone on with by another controller, or by the next life of this one."""
        tasks = [*([self._task] if self._task else []), *self._in_hand.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def wake(self) -> None:
        """There is a new job."""
        self._wake.set()

    async def _run(self) -> None:
        while True:
            self._wake.clear()
            try:
                for job_id in await self._jobs.claim(IN_HAND - len(self._in_hand), list(self._in_hand)):
                    self._in_hand[job_id] = asyncio.create_task(self._work(job_id), name=f"import {job_id}")
                self._absence.over()
            except STORE_AWAY as error:
                self._absence.note(error)
            except Exception:
                # A defect must not end the imports for good: it is counted, and they stay open.
                metrics.gate_errors.labels("importer").inc()
                logger.exception("imports: defect; going on")
            with suppress(TimeoutError):
                async with asyncio.timeout(TICK_SECONDS):
                    await self._wake.wait()

    async def _work(self, job_id: str) -> None:
        """A job that does not come to its end is taken up again when its lease has run out."""
        try:
            await self._carry_out(job_id)
        except NotFound as error:
            await self._jobs.finish(job_id, str(error))
        except STORE_AWAY as error:
            self._absence.note(error)
        except Exception:
            # A defect in one import must not touch the others: it is counted, and the job stays open.
            metrics.gate_errors.labels("importer").inc()
            logger.exception("imports: defect in one of them; it is tried again")
        finally:
            del self._in_hand[job_id]
            self._wake.set()

    async def _carry_out(self, job_id: str) -> None:
        while True:
            job, advance = await self._jobs.get(job_id)
            if advance.matched == job.chunks:
                await self._jobs.finish(job_id)
                return
            if advance.listed < job.chunks:
                await self._list(job, advance.listed)
            if not await self._gather(job, advance) and advance.listed == job.chunks:
                await asyncio.sleep(POLL_SECONDS)

    async def _list(self, job: Job, number: int) -> None:
        entries = await self._jobs.chunk(job, number)
        begun, new = await self._jobs.begin(job.id, number, await self._catalogue.version())
        changes = await self._catalogue.add_entries(entries, job.by, job.reason)
        if not new:
            changes = await self._made_since(begun, entries)
        await self._jobs.listed(job.id, number, [change.version for change in changes])

    async def _made_since(self, version: int, entries: list[Entry]) -> list[Change]:
        """The changes by which these very entries were listed, also by a controller that died before it said so."""
        mine = {entry.id: entry for entry in entries}
        made: list[Change] = []
        while changes := await self._catalogue.changes(version, READ_AT_ONCE):
            made += [each for each in changes if each.op == "entry.add" and each.entry == mine.get(_id(each))]
            version = changes[-1].version
        return made

    async def _gather(self, job: Job, advance: Advance) -> bool:
        """Take the orders of the next chunk that is matched backwards. False: there is none."""
        if advance.matched == advance.listed:
            return False
        versions = await self._jobs.versions(job.id, advance.matched)
        if versions and await self._retro.version() < versions[-1]:
            return False
        orders = await self._retro.orders_of_each(versions)
        ids = dict.fromkeys(order_id for some in orders for order_id in some or ())
        entries = await self._jobs.chunk(job, advance.matched)
        if len(versions) < len(entries):
            # Some were listed before: what they led to may be owed still.
            ids |= dict.fromkeys(await self._orders.of_entries([entry.id for entry in entries]))
        await self._jobs.matched(job.id, advance.matched, len(versions), advance.orders, list(ids))
        return True


def _id(change: Change) -> str:
    return change.entry.id if change.entry else ""
