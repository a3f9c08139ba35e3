"""Services with settings of the guard, and judgements of some hashes."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

from tests.support.services import running_services

from edgeward.operations.guard import Judgement, in_chunks, judge
from edgeward.operations.services import Services
from edgeward.settings.guard_settings import GuardSettings
from edgeward.store.connection import Store
from edgeward.types import HashList, Signal


@asynccontextmanager
async def guarded(store: Store, state_dir: Path, settings: Mapping[str, object]) -> AsyncIterator[Services]:
    """Services with these settings of the guard."""
    async with running_services(store, state_dir) as services:
        yield with_guard(services, settings)


def with_guard(services: Services, settings: Mapping[str, object]) -> Services:
    """The same services with these settings of the guard."""
    guard = GuardSettings.model_validate(settings)
    return replace(services, config=services.config.model_copy(update={"guard": guard}))


async def judged(services: Services, on: HashList, *signals: Signal) -> Judgement:
    return await judge(services, on, len(signals), in_chunks(signals))
