"""Running services with a source, and the worker that pulls it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from tests.support.eventually import eventually
from tests.support.services import running_services

from edgeward.operations import lists
from edgeward.operations.services import Services
from edgeward.settings.config import Config
from edgeward.sources.source_reports import SourceReport, reports
from edgeward.sources.source_worker import SourceWorker
from edgeward.store.connection import Store
from edgeward.types import HashList


@asynccontextmanager
async def running_source(store: Store, tmp_path: Path, name: str = "a", **sources: Any) -> AsyncIterator[Services]:
    """Services with the list of that name and these tables of sources, whose worker is not started."""
    async with running_services(store, tmp_path) as services:
        config = Config.model_validate({**services.config.model_dump(), **sources})
        await lists.create(services, HashList(name), "ana", "")
        yield replace(services, config=config)


async def report(services: Services) -> SourceReport:
    """The only source."""
    (found,) = await reports(services)
    return found


async def looked_until(services: Services, worker: SourceWorker, holds: Any, what: str) -> SourceReport:
    """Let the worker look again and again, until this is true of the report of the only source."""

    async def holds_now() -> bool:
        await worker.look()
        return bool(holds(await report(services)))

    await eventually(holds_now, what)
    return await report(services)


def is_over(found: SourceReport) -> bool:
    """Whether a pull has ended, well or not, and no import is under way."""
    return bool(found.state.pulled_at) and not found.state.job and found.state.phase == "waiting"


async def listed(services: Services) -> set[str]:
    """The values on the list "a", in the store."""
    return {each.signal.value async for some in services.list_store.scan("a") for each in some}
