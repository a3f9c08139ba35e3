"""Whether each source was pulled lately."""

from pathlib import Path

from tests.sources.sources_of_tests import running_source

from edgeward.doctor.finding import Health
from edgeward.doctor.sources import check_sources
from edgeward.sources.source_states import SourceState, SourceStates
from edgeward.store.connection import Store


async def test_each_problem_is_named(store: Store, tmp_path: Path) -> None:
    """Stale, failing, held and incomplete sources; one finding for all if all is well, and none without a source."""
    async with running_source(store, tmp_path) as services:
        assert await check_sources(services) == []
    source = {"name": "iwf", "list": "b", "location": "x", "stale_seconds": 100.0}
    async with running_source(store, tmp_path, "b", list_sources=[source]) as services:
        states, now = SourceStates(store, "one"), store.clock.now()
        await states.claim(["iwf"])
        for state, health, detail in (
            (SourceState(good_at=now), Health.OK, "1 source pulled lately"),
            (SourceState(good_at=now - 7200, error="gone"), Health.FAIL, "was not pulled well for 2.0 hours: gone"),
            (SourceState(good_at=now, failures=2, error="gone"), Health.WARN, "failed 2 times: gone"),
            (SourceState(good_at=now, phase="held", job="job-1"), Health.WARN, "held for approval: job-1"),
            (SourceState(good_at=now, problems=["page 7"]), Health.WARN, "left something out: 1 problem, page 7"),
        ):
            await states.save("iwf", state)
            (finding,) = await check_sources(services)
            assert (finding.health, detail in finding.detail) == (health, True), finding.detail
