"""One pull of a source: what was fetched becomes an import, and the checkpoint moves on when that import is done."""

import asyncio
import logging
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, BinaryIO

from edgeward import metrics
from edgeward.errors import EdgewardError, NotFound, StoreUnavailable
from edgeward.imports.source_acts import new_source_act
from edgeward.lists.formats import ReadOptions
from edgeward.operations import import_requests, imports
from edgeward.operations.import_requests import ImportRequest
from edgeward.operations.services import Services
from edgeward.settings.source_settings import ListSourceSettings, SourceSettings
from edgeward.sources.configured_sources import Fetcher
from edgeward.sources.list_files import Fetched
from edgeward.sources.source_failure import SourceFailed
from edgeward.sources.source_states import PullRequest, SourceState, SourceStates
from edgeward.types import FINAL_IMPORT_STATES, ImportState

logger = logging.getLogger(__name__)

RETRY_SECONDS = (30.0, 3600.0)
"""Pause after a pull that failed: the first, and the longest. It doubles, up to `every_seconds` of the source."""
MAX_ERROR_CHARACTERS = 1000
MAX_PROBLEMS = 20
UNDER_WAY = frozenset({ImportState.RUNNING, ImportState.INTERRUPTED})


class SourcePuller:
    """Pulls one source, for the controller that has its lease."""

    def __init__(self, services: Services, settings: SourceSettings, fetcher: Fetcher, states: SourceStates) -> None:
        self._services, self._settings = services, settings
        self._fetcher, self._states = fetcher, states

    def is_due(self, state: SourceState, now: float) -> bool:
        """Whether it is to be pulled. A time far ahead is from before the store's clock was set back."""
        longest = max(self._settings.every_seconds, RETRY_SECONDS[1])
        return not state.job and not now < state.next_at <= now + longest + 1

    async def pull(self, state: SourceState, asked: PullRequest | None = None) -> None:
        """Fetch what is new, and record its import. What goes wrong is in the state. Raises STORE_AWAY."""
        state = replace(state, phase="pulling", pulled_at=self._now())
        if not await self._states.save(self._settings.name, state):
            return
        try:
            # A list that does not exist is known before a long file is fetched.
            await self._services.list_store.get_list(self._settings.list)
            fetched = await self._fetch({} if asked and asked.anew else state.checkpoint)
            state = replace(state, problems=fetched.problems[:MAX_PROBLEMS], more=fetched.more)
            if fetched.file is None:
                await self._save_good(replace(state, checkpoint=fetched.checkpoint), "unchanged")
            else:
                with fetched.file as file:
                    await self._import(state, file, fetched, asked)
        except StoreUnavailable:
            raise
        except EdgewardError as error:
            await self._save_failed(state, error)

    async def _fetch(self, checkpoint: Mapping[str, Any]) -> Fetched:
        try:
            async with asyncio.timeout(self._settings.timeout_seconds):
                return await self._fetcher.fetch(checkpoint)
        except TimeoutError:
            raise SourceFailed(f"the pull took longer than {self._settings.timeout_seconds:g} s") from None

    async def _import(self, state: SourceState, file: BinaryIO, fetched: Fetched, asked: PullRequest | None) -> None:
        """Raises EdgewardError if the file can't be imported: then nothing is."""
        settings = self._settings
        job_id = new_source_act(settings.list, settings.name)
        # First on record here: should this controller die, another one finds the import, or that there is none.
        state = replace(state, phase="importing", job=job_id, pending=fetched.checkpoint)
        if not await self._states.save(settings.name, state):
            return
        request = _request(settings, file, fetched, job_id, bool(asked and asked.allow_large_removal))
        result = await imports.create(self._services, request, f"source:{settings.name}")
        if bad := result.file.bad:
            unit = result.file.file_format.unit
            problems = [*state.problems, *(f"{unit} {each.number} left out: {each.why}" for each in bad)]
            await self._states.save(settings.name, replace(state, problems=problems[:MAX_PROBLEMS]))

    async def follow(self, state: SourceState) -> None:
        """Look at the import under way, and note how it has ended. Raises STORE_AWAY."""
        try:
            job, progress = await self._services.import_jobs.get(state.job)
        except NotFound:
            # Its controller died before it was recorded.
            await self._states.save(self._settings.name, replace(state, phase="waiting", job="", next_at=self._now()))
            return
        if progress.state not in FINAL_IMPORT_STATES:
            phase = "importing" if progress.state in UNDER_WAY else progress.state
            if phase != state.phase:
                await self._states.save(self._settings.name, replace(state, phase=phase))
        elif progress.state == ImportState.FAILED:
            # What a person cancelled is not imported again at once.
            pause = self._settings.every_seconds if progress.cancelled_by else None
            await self._save_failed(state, SourceFailed(f"its import {job.id} failed: {progress.error}", pause))
        else:
            done = replace(state, job="", last_job=job.id, checkpoint=state.pending, pending={})
            done = replace(done, total=job.total, added=progress.added, withdrawn=progress.withdrawn, bad=job.bad)
            await self._save_good(replace(done, changed_at=self._now()), "imported")

    async def _save_good(self, state: SourceState, result: str) -> None:
        now = self._now()
        metrics.source_pulls.labels(self._settings.name, result).inc()
        if state.error:
            logger.info("source %s: pulled again", self._settings.name)
        pause = 0.0 if state.more else self._settings.every_seconds
        good = replace(state, phase="waiting", good_at=now, next_at=now + pause, failures=0, error="")
        await self._states.save(self._settings.name, good)

    async def _save_failed(self, state: SourceState, error: EdgewardError) -> None:
        metrics.source_pulls.labels(self._settings.name, "failed").inc()
        if not state.error:
            # Why may name a hash, or a path: that is for those who may ask.
            logger.warning("source %s: a pull failed; `edgeward sources` says why", self._settings.name)
        first, longest = RETRY_SECONDS
        pause = min(first * 2 ** min(state.failures, 20), longest, max(first, self._settings.every_seconds))
        pause = max(pause, getattr(error, "retry_after", None) or 0.0)
        text = str(error)[:MAX_ERROR_CHARACTERS]
        failed = replace(
            state, phase="waiting", failures=state.failures + 1, error=text, job="", pending={}, more=False
        )
        await self._states.save(self._settings.name, replace(failed, next_at=self._now() + pause))

    def _now(self) -> float:
        return self._services.store.clock.now()


def _request(
    settings: SourceSettings, file: BinaryIO, fetched: Fetched, job_id: str, allow_large_removal: bool
) -> ImportRequest:
    request = ImportRequest(
        settings.list,
        file,
        fetched.format,
        reason=f"source {settings.name}",
        skip_bad=settings.skip_bad,
        source=settings.name,
        allow_large_removal=allow_large_removal,
        job_id=job_id,
    )
    if not isinstance(settings, ListSourceSettings):
        return replace(request, sync=fetched.whole)
    options = ReadOptions(
        columns={name.lower(): column for name, column in settings.map.items()},
        delimiter=import_requests.check_separator(settings.separator),
        has_header=settings.header,
        categories=frozenset(settings.categories),
    )
    return replace(
        request,
        options=options,
        signal_type=settings.type,
        quality=settings.quality,
        sync=settings.sync,
        max_removal_share=settings.max_removal_share,
    )
