"""The sources for people."""

from pathlib import Path

import pytest
from tests.sources.sources_of_tests import report, running_source

from edgeward.errors import NotFound
from edgeward.sources import source_reports
from edgeward.sources.source_states import PullRequest, SourceState, SourceStates
from edgeward.store.connection import Store

SOURCE = {"name": "iwf", "list": "a", "location": "https://u:hush@h.example/x?token=hush", "stale_seconds": 100.0}


async def test_states_in_words(store: Store, tmp_path: Path) -> None:
    """Each state has its word; an import that waits for a person names it; a secret is never shown."""
    async with running_source(store, tmp_path, list_sources=[SOURCE]) as services:
        first = await report(services)
        assert (first.word, first.kind, first.list, first.controller) == ("never pulled", "file", "a", "")
        assert "hush" not in first.place and "h.example" in first.place
        states, now = SourceStates(store, "one"), store.clock.now()
        await states.claim(["iwf"])
        for state, word, held in (
            (SourceState(pulled_at=now, phase="pulling"), "pulling", False),
            (SourceState(pulled_at=now, phase="importing", job="job-1"), "importing", False),
            (SourceState(pulled_at=now, phase="held", job="job-1"), "held for approval: job-1", True),
            (SourceState(pulled_at=now, failures=2, error="x"), "failing", False),
            (SourceState(pulled_at=now, good_at=now), "waiting", False),
        ):
            await states.save("iwf", state)
            found = await report(services)
            assert (found.word, found.held, found.stale, found.controller) == (word, held, False, "one")
        await states.save("iwf", SourceState(since=now - 101))
        assert (await report(services)).stale


async def test_a_pull_is_asked_for(store: Store, tmp_path: Path) -> None:
    """It is on record who asked; a source that nobody configured is an error that names those there are."""
    async with running_source(store, tmp_path, list_sources=[SOURCE]) as services:
        await source_reports.ask(services, "iwf", PullRequest("ana", anew=True), "order 17")
        assert await SourceStates(store).asked(["iwf"]) == {"iwf": PullRequest("ana", anew=True)}
        (line,) = [each for each in await services.audit_trail.latest() if each.op == "source.pull"]
        assert (line.who, line.why, line.about["source"], line.about["anew"]) == ("ana", "order 17", "iwf", True)
        with pytest.raises(NotFound, match="no source is named 'ncmec'; known: iwf"):
            await source_reports.ask(services, "ncmec", PullRequest("ana"), "")
