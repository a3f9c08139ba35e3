"""The worker: due sources are pulled by one controller, and another goes on when that one ends."""

from pathlib import Path

from tests.sources.sources_of_tests import listed, looked_until, report, running_source

from edgeward import metrics
from edgeward.sources.source_worker import SourceWorker
from edgeward.store.connection import Store

MD5 = "9e107d9d372bb6826bd81d3542a419d6"


async def test_another_controller_goes_on(store: Store, tmp_path: Path) -> None:
    """While one has the source, the other pulls nothing; when it ends, the other takes it at once."""
    path = tmp_path / "list.txt"
    path.write_text(f"md5:{MD5}\n")
    source = {"name": "iwf", "list": "a", "location": str(path), "stale_seconds": 60.0}
    async with running_source(store, tmp_path, list_sources=[source]) as services:
        one, two = SourceWorker(services, "one"), SourceWorker(services, "two")
        await one.look()
        for _ in range(3):
            await two.look()
        assert (await report(services)).controller == "one"
        await one.close()
        found = await looked_until(services, two, lambda each: each.state.last_job, "the pull by the other")
        assert (found.controller, await listed(services)) == ("two", {MD5})
        assert metrics.source_stale.labels("iwf")._value.get() == 0
        await two.close()


async def test_it_runs_by_itself(store: Store, tmp_path: Path) -> None:
    """Started, it pulls; without sources it does nothing, and its end is harmless."""
    path = tmp_path / "list.txt"
    path.write_text(f"md5:{MD5}\n")
    source = {"name": "iwf", "list": "a", "location": str(path)}
    async with running_source(store, tmp_path, list_sources=[source]) as services:
        worker = SourceWorker(services, "one")
        await worker.start()
        await looked_until(services, worker, lambda each: each.state.last_job, "the pull")
        await worker.close()
    assert await listed(services) == {MD5}
    async with running_source(store, tmp_path, "b") as services:
        idle = SourceWorker(services, "two")
        await idle.start()
        await idle.close()
