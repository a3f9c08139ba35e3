"""A pull: what is fetched becomes an import; what goes wrong changes nothing, is said, and is tried again."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.sources.sources_of_tests import is_over, listed, looked_until, report, running_source
from tests.support.eventually import eventually

from edgeward.operations import imports, undo
from edgeward.sources import pull
from edgeward.sources.pull import SourcePuller
from edgeward.sources.source_failure import SourceFailed
from edgeward.sources.source_states import PullRequest, SourceState, SourceStates
from edgeward.sources.source_worker import SourceWorker
from edgeward.store.connection import Store


def _md5s(numbers: range) -> str:
    return "".join(f"md5:{number + 1:032x}\n" for number in numbers)


def _values(numbers: range) -> set[str]:
    return {f"{number + 1:032x}" for number in numbers}


def _source(path: Path, **more: Any) -> dict[str, Any]:
    return {"list_sources": [{"name": "iwf", "list": "a", "location": str(path), "every_seconds": 1000.0, **more}]}


async def _pulled(services: Any, worker: SourceWorker) -> Any:
    """After a look that somebody asked for."""
    before = (await report(services)).state.pulled_at
    await SourceStates(services.store).ask("iwf", PullRequest("ana"))
    return await looked_until(
        services, worker, lambda each: each.state.pulled_at > before and is_over(each), "the end of the pull"
    )


async def test_a_file_is_pulled(store: Store, tmp_path: Path) -> None:
    """It is imported, not again while it is the same, and its next version replaces it, with one undo."""
    path = tmp_path / "list.txt"
    path.write_text(_md5s(range(5)))
    async with running_source(store, tmp_path, **_source(path)) as services:
        worker = SourceWorker(services, "one")
        found = await looked_until(services, worker, is_over, "the first pull")
        assert await listed(services) == _values(range(5))
        assert (found.word, found.state.added, found.state.error, found.stale) == ("waiting", 5, "", False)
        assert found.state.next_at == pytest.approx(found.state.good_at + 1000)
        first = found.state.last_job
        assert (await services.import_jobs.get(first))[0].by == "source:iwf"
        assert (await _pulled(services, worker)).state.last_job == first
        path.write_text(_md5s(range(3, 8)))
        found = await _pulled(services, worker)
        assert await listed(services) == _values(range(3, 8))
        assert (found.state.added, found.state.withdrawn) == (3, 3)
        await undo.undo(services, found.state.last_job, "ana", "")
        assert await listed(services) == _values(range(5))


async def test_a_bad_file_keeps_the_old_version(store: Store, tmp_path: Path) -> None:
    """A bad row is named with its place, a list that lost too much, a missing file and a missing list too; each is
    tried again after a pause that grows, and what was wrong is forgotten when it is mended."""
    path = tmp_path / "list.txt"
    path.write_text(_md5s(range(90)))
    async with running_source(store, tmp_path, **_source(path)) as services:
        worker = SourceWorker(services, "one")
        await looked_until(services, worker, is_over, "the first pull")
        for number, (content, why) in enumerate(
            (
                (_md5s(range(5)) + "md5:12\n", "line 6: "),
                (_md5s(range(9)), "lacks 81 of the 90 entries"),
                (None, "No such"),
            )
        ):
            path.unlink() if content is None else path.write_text(content)
            found = await _pulled(services, worker)
            assert why in found.state.error and found.word == "failing"
            pause = found.state.next_at - found.state.pulled_at
            assert pull.RETRY_SECONDS[0] * 2**number <= pause < pull.RETRY_SECONDS[0] * 2**number + 20
        assert await listed(services) == _values(range(90))
        path.write_text(_md5s(range(9)))
        await SourceStates(store).ask("iwf", PullRequest("ana", allow_large_removal=True))
        found = await looked_until(
            services, worker, lambda each: is_over(each) and not each.state.failures, "a good one"
        )
        assert (found.state.error, await listed(services)) == ("", _values(range(9)))
        await services.list_store.delete_list("a", "ana")
        assert "no list is named 'a'" in (await _pulled(services, worker)).state.error


async def test_bad_rows_may_be_left_out(store: Store, tmp_path: Path) -> None:
    """Then the others are listed, and the bad ones are on record."""
    path = tmp_path / "list.txt"
    path.write_text(_md5s(range(2)) + "md5:12\n")
    async with running_source(store, tmp_path, **_source(path, skip_bad=True)) as services:
        found = await looked_until(services, SourceWorker(services, "one"), is_over, "the pull")
        assert (await listed(services), found.state.bad) == (_values(range(2)), 1)
        assert "line 3 left out: " in found.state.problems[0]


class _Fetcher:
    """Fails as a server that wants to be asked later."""

    async def fetch(self, _checkpoint: Mapping[str, Any]) -> Any:
        raise SourceFailed("answers 503", 500.0)


async def test_a_server_says_when_to_come_back(store: Store, tmp_path: Path) -> None:
    """The next pull is not before."""
    async with running_source(store, tmp_path, **_source(tmp_path / "x")) as services:
        states = SourceStates(store, "one")
        await states.claim(["iwf"])
        puller = SourcePuller(services, services.config.list_sources[0], _Fetcher(), states)
        await puller.pull(SourceState())
        state = (await report(services)).state
        assert state.next_at >= state.pulled_at + 500
        now = services.store.clock.now()
        assert not puller.is_due(state, now) and puller.is_due(state, state.next_at)
        assert puller.is_due(replace(state, next_at=now + 10**6), now)


async def test_a_cancelled_import_is_not_repeated_at_once(store: Store, tmp_path: Path) -> None:
    """It counts as a failure, and the source waits for its next turn. One that is gone is pulled again."""
    path = tmp_path / "list.txt"
    path.write_text(_md5s(range(5)))
    async with running_source(store, tmp_path, **_source(path)) as services:
        await services.import_worker.close()
        worker = SourceWorker(services, "one")
        await worker.look()

        async def is_recorded() -> bool:
            return bool(await imports.recent(services, 1))

        await eventually(is_recorded, "the import")
        found = await report(services)
        assert found.word == "importing"
        await SourceStates(store).ask("iwf", PullRequest("ana"))
        before = found.state.pulled_at
        for _ in range(3):
            await worker.look()
        assert (await report(services)).state.pulled_at == before
        await imports.cancel(services, found.state.job, "ana", "", 0.01)
        await services.import_worker.start()
        await SourceStates(store).answered("iwf")
        found = await looked_until(services, worker, is_over, "the end")
        assert "cancelled by ana" in found.state.error
        assert found.state.next_at > found.state.pulled_at + 900
        states = SourceStates(store, "one")
        await states.save("iwf", replace(found.state, job="job-gone", phase="importing"))
        await worker.look()
        found = await report(services)
        assert (found.state.job, found.state.next_at <= services.store.clock.now()) == ("", True)
        await worker.close()
