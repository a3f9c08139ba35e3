"""The objects of a controller."""

from pathlib import Path

from tests.support.controllers import settings
from tests.support.services import CACHES

from edgeward.background.clock_watch import ClockWatch
from edgeward.controller.composition import compose, workers_of
from edgeward.operations.settings_watch import SettingsWatch
from edgeward.purging.purger import Purger
from edgeward.store.connection import Store


async def test_a_controller_has_a_purger_for_each_cache_and_every_worker(store: Store, tmp_path: Path) -> None:
    """The clock and the settings of others come first, then the purgers. Nothing is started: no process has reported,
    and no hasher runs."""
    services = compose(settings("unix:///unused", tmp_path, caches=CACHES), store, "me")
    workers = workers_of(services, "me")
    assert isinstance(workers[0], ClockWatch)
    assert isinstance(workers[1], SettingsWatch)
    assert [isinstance(worker, Purger) for worker in workers[2:]] == [True, True, *[False] * (len(workers) - 4)]
    for worker in (
        services.hashers,
        services.replica,
        services.retromatch,
        services.takedown_worker,
        services.import_worker,
    ):
        assert worker in workers
    assert await services.list_store.replicas() == []
    assert services.hashers.pids == []


async def test_each_controller_has_a_local_token_of_its_own(store: Store, tmp_path: Path) -> None:
    """It is never stored: another controller does not accept it."""
    config = settings("unix:///unused", tmp_path)
    one, other = compose(config, store, "one"), compose(config, store, "other")
    assert one.tokens.local != other.tokens.local
    assert one.caches == []
