"""What a controller needs for imports, on the store of a test."""

import time

from tests.support.eventually import eventually

from edgeward.imports.import_jobs import ImportJob, ImportJobs
from edgeward.imports.import_progress import ImportProgress
from edgeward.imports.worker import ImportWorker
from edgeward.lists.formats.hash_files import ParsedHash
from edgeward.lists.list_store import ListStore
from edgeward.lists.replication.replica import Replica
from edgeward.purging.orders import Orders
from edgeward.retromatch.worker import RetromatchWorker
from edgeward.settings.config import SightingsSettings
from edgeward.sightings.sightings import Sightings
from edgeward.store.connection import Store
from edgeward.types import Fingerprint, Sighting, Signal, Target

TOTAL = 200
"""Entries of an import."""


class Controller:
    """One controller. Nothing of it is started."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.jobs, self.list_store, self.orders = ImportJobs(store), ListStore(store), Orders(store)
        self.sightings = Sightings(store, SightingsSettings())
        self.replica = Replica(store, "controller")
        self.retromatch = RetromatchWorker(store, self.replica, self.sightings, self.orders, "one")

    def import_worker(self, jobs: ImportJobs | None = None, list_store: ListStore | None = None) -> ImportWorker:
        """A new worker, on other jobs or lists than the controller's own where they are given."""
        return ImportWorker(
            self.store, jobs or self.jobs, list_store or self.list_store, self.replica, self.retromatch, self.orders
        )

    async def create_job(self, count: int = TOTAL, purge_again: bool = False) -> ImportJob:
        """An import of the first `count` signals."""
        job = ImportJob("bad", "me", time.time(), count, size=20, purge_again=purge_again)
        await self.jobs.create(job, [ParsedHash(signal(number)) for number in range(count)])
        return job

    async def see(self, *numbers: int) -> None:
        """Write a sighting of each of these pictures, at its own URL."""
        seen = [(Target("http", "img.test", f"/{number}"), picture(number)) for number in numbers]
        await self.sightings.write([Sighting(target, image, time.time(), 0) for target, image in seen])

    async def ended(self, job: ImportJob) -> ImportProgress:
        """Wait until an import is done, or has failed."""

        async def has_ended() -> bool:
            return (await self.jobs.get(job.id))[1].state in ("done", "failed")

        await eventually(has_ended, f"the end of {job.id}")
        return (await self.jobs.get(job.id))[1]


def signal(number: int) -> Signal:
    return Signal("md5", f"{number + 1:016x}" * 2)


def picture(number: int) -> Fingerprint:
    """A picture that has the signal of this number."""
    sha256 = f"{number:064x}"
    return Fingerprint(sha256, "image/jpeg", 1, (Signal("sha256", sha256), signal(number)))
