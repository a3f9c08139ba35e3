"""Doctor names the settings that differ between controllers."""

from pathlib import Path

from tests.support.services import CACHES, running_services

from edgeward.doctor.finding import Health
from edgeward.doctor.shared_settings import check_shared_settings
from edgeward.operations.settings_watch import NAME_FIX
from edgeward.purging.controllers import Controllers
from edgeward.settings.shared_settings import shared_settings
from edgeward.store.connection import Store


async def test_what_differs_is_named(store: Store, tmp_path: Path) -> None:
    """A failure where caches may differ, a warning else; nothing while all agree."""
    async with running_services(store, tmp_path) as services:
        own = shared_settings(services.config)
        await services.orders.controllers.say("one", own)
        assert check_shared_settings(services) == []
        other = {**own, "caches.inner.url": '"http://b"', "purge.keep_days": "1.0"}
        await Controllers(store).say("two", other)
        await services.orders.controllers.say("one", own)
        url, days = check_shared_settings(services)
        assert (url.about, url.health, days.about, days.health) == ("inner", Health.FAIL, "controller", Health.WARN)
        assert url.detail.startswith(f'caches.inner.url differs: "{CACHES[0]["url"]}" at one, "http://b" at two: ')
        assert days.detail == "purge.keep_days differs: 30.0 at one, 1.0 at two"


async def test_two_controllers_of_one_name(store: Store, tmp_path: Path) -> None:
    """A warning that says what to do."""
    async with running_services(store, tmp_path) as services:
        own, other = shared_settings(services.config), Controllers(store)
        for _ in range(2):
            await services.orders.controllers.say("edge:8081#1", own)
            await other.say("edge:8081#2", own | {"purge.keep_days": "1.0"})
        await services.orders.controllers.say("edge:8081#1", own)
        name, days = check_shared_settings(services)
        assert (name.health, name.fix) == (Health.WARN, NAME_FIX)
        assert days.detail == "purge.keep_days differs: 30.0 at edge:8081#1, 1.0 at edge:8081#2"


async def test_a_loopback_address_on_two_machines(store: Store, tmp_path: Path) -> None:
    """A failure that says what to do: one name for each cache, at an address that all reach."""
    async with running_services(store, tmp_path) as services:
        own, other = shared_settings(services.config), shared_settings(services.config, "elsewhere")
        await Controllers(store).say("edge2:8081", other)
        await services.orders.controllers.say("edge1:8081", own)
        inner, _ = check_shared_settings(services)
        assert (inner.about, inner.health) == ("inner", Health.FAIL)
        assert inner.detail.startswith("caches.inner.url is a loopback address of 2 machines or containers (edge1:8081")
        assert inner.fix.startswith("one name for each cache, an address that all controllers reach")
