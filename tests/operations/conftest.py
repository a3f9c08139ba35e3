"""The tests of this folder use a real controller, or its services, on a machine that may stall."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.support.services import running_services

from edgeward.operations.services import Services
from edgeward.store.connection import Store


@pytest.fixture(autouse=True)
def _patient(patient_answers: None) -> None:
    """Answers wait longer; see the fixture."""


@pytest.fixture
async def services(store: Store, tmp_path: Path) -> AsyncIterator[Services]:
    """Running services with two caches, in a namespace of their own."""
    async with running_services(store, tmp_path) as running:
        yield running
