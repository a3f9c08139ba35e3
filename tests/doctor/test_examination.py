"""All checks together."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
from tests.support.services import running_services

from edgeward.doctor.examination import NO_CACHES, examine
from edgeward.doctor.finding import Health
from edgeward.operations.services import Services
from edgeward.settings.config import Config
from edgeward.store.connection import Store


@pytest.fixture
async def services(store: Store, tmp_path: Path) -> AsyncIterator[Services]:
    """Services with two caches that are down, and without a hasher."""
    async with running_services(store, tmp_path) as running:
        yield running


async def test_every_part_is_checked(services: Services) -> None:
    """Each cache by its name. What is not there is a failure, or skipped."""
    found = {(each.about, each.check): each.health for each in await examine(services)}
    assert {about for about, _ in found} == {
        "store",
        "lists",
        "clock",
        "state_dir",
        "proxy",
        "hashers",
        "inner",
        "outer",
    }
    assert found["inner", "purge"] == found["outer", "purge"] == Health.FAIL
    assert found["hashers", "isolation"] == Health.SKIPPED
    assert NO_CACHES not in await examine(services)


def _without_caches(config: Config) -> Config:
    return config.model_copy(update={"caches": ()})


async def test_without_caches_there_is_a_warning(services: Services) -> None:
    """Nothing would be purged anywhere."""
    assert NO_CACHES in await examine(replace(services, config=_without_caches(services.config)))
