"""All checks together."""

from collections.abc import AsyncIterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
from tests.support.eventually import until
from tests.support.programs import require
from tests.support.services import running_services

from edgeward.demo.http_client import HOST
from edgeward.demo.photos import builtin_photos, first_distinct
from edgeward.demo.stack import Stack
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
    assert {about for about, _ in found} == {"store", "lists", "clock", "proxy", "hashers", "inner", "outer"}
    assert found["inner", "purge"] == found["outer", "purge"] == Health.FAIL
    assert found["hashers", "isolation"] == Health.SKIPPED
    assert NO_CACHES not in await examine(services)


def test_a_freshly_listed_image_is_left_alone(tmp_path: Path) -> None:
    """The image seen last is listed: the doctor tests another one, makes no incidents, and can be run again."""
    require("varnishd")
    harmless, listed = first_distinct(builtin_photos(), 2)
    with Stack(tmp_path, "front") as stack:
        for photo in (harmless, listed):
            stack.serve(photo)
            assert stack.get(photo.path).status == 200
            url = f"http://{HOST}{photo.path}"
            until(partial(_is_seen, stack, url), "it is on record")
        stack.edge.create_list("l")
        stack.edge.add_image("l", listed.body, wait=True)
        for _ in range(2):
            findings = {
                (each["about"], each["check"]): each for each in stack.edge.api("POST", "/doctor", {})["findings"]
            }
            assert findings["varnish", "object"]["health"] == "ok"
            assert findings["proxy", "client"]["health"] == "ok"
        assert stack.edge.api("GET", "/incidents")["incidents"] == []
        found = [each["url"] for each in stack.edge.api("GET", "/sightings")["sightings"]]
        assert max(url.count("edgeward-doctor") for url in found) <= 1
        assert not [url for url in found if listed.path in url and "edgeward-doctor" in url]


def _is_seen(stack: Stack, url: str) -> bool:
    return bool(stack.edge.api("GET", f"/sightings?url={url}")["sightings"])


def _without_caches(config: Config) -> Config:
    return config.model_copy(update={"caches": ()})


async def test_without_caches_there_is_a_warning(services: Services) -> None:
    """Nothing would be purged anywhere."""
    assert NO_CACHES in await examine(replace(services, config=_without_caches(services.config)))
