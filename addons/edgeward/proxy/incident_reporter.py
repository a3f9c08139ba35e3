"""Reports incidents of one worker: one for each target, entry and minute, with the number of requests it stands for."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import islice

from edgeward import metrics
from edgeward.background.ttl_set import oldest
from edgeward.background.worker_loop import WorkerLoop
from edgeward.background.write_buffer import WriteBuffer
from edgeward.incidents import Incidents
from edgeward.store.connection import STORE_AWAY
from edgeward.types import Decision, Incident, Reason, Target, Verdict, target_key

MAX_INCIDENTS = 2_000
"""Incidents that wait for the store."""
MAX_BYTES = 16 * 1024 * 1024
"""Memory of these."""
INCIDENT_BYTES = 1500
"""What one takes beside its target."""
MAX_WINDOWS = 50_000
"""Targets and entries whose incident is known to be recent. Of more, the oldest get another incident."""
MAX_UNWRITTEN = 20_000
"""Incidents whose hits wait for the store."""
WINDOW_SECONDS = 60.0
"""At most one incident per target, entry and decision in this time. Further requests are hits of it."""
HITS_SECONDS = 1.0
"""How often hits are written."""
RETRY_SECONDS = (0.5, 5.0)
HITS_PER_WRITE = 1000


class _Window:
    """A minute of one incident. `id` is "" until the store has it; `hits` is known, `written` is in the store."""

    __slots__ = ("ends_at", "hits", "id", "written")

    def __init__(self) -> None:
        self.ends_at = time.monotonic() + WINDOW_SECONDS
        self.id = ""
        self.hits = 1
        self.written = 0


class IncidentReporter:
    """Writes incidents in the background. No request waits for the store; what does not fit is counted."""

    def __init__(self, incidents: Incidents) -> None:
        self._incidents = incidents
        self._windows: dict[bytes, _Window] = {}
        # By identity: two windows of one key may wait, one that has ended and one that is open.
        self._unwritten: dict[int, _Window] = {}
        self._buffer = WriteBuffer(
            "incidents", self._write, MAX_INCIDENTS, max_bytes=MAX_BYTES, bytes_of=lambda item: _size(item[0])
        )
        self._hits_loop = WorkerLoop(
            "hits of incidents",
            self._write_hits,
            metric_label="write_buffer",
            retry_seconds=RETRY_SECONDS,
            pause_seconds=HITS_SECONDS,
        )

    async def start(self) -> None:
        await self._buffer.start()
        await self._hits_loop.start()

    async def close(self) -> None:
        """Write what is left, if the store can be reached."""
        await self._buffer.close()
        if not self._hits_loop.running:
            return
        await self._hits_loop.close()
        try:
            await self._write_hits()
        except STORE_AWAY:
            lost = sum(window.hits - window.written for window in self._unwritten.values())
            metrics.incident_hits_dropped.inc(lost)

    def report(self, target: Target, sha256: str, verdict: Verdict) -> None:
        """Report a match, blocked or monitored. Within WINDOW_SECONDS of the last it is a hit of the same incident."""
        if verdict.match is None:
            return
        # With the decision: a list that changes from monitoring to blocking is reported again.
        key = target_key(target, verdict.match.entry.id, verdict.decision)
        window = self._windows.get(key)
        if window is not None and time.monotonic() < window.ends_at:
            self._count_hit(window)
            return
        window = _Window()
        if self._buffer.put((_incident_of(target, sha256, verdict), window)):
            self._remember(key, window)
        else:
            metrics.incidents_dropped.inc()

    def report_classification(self, classifier: str, target: Target, sha256: str, label: str, score: float) -> None:
        """Report a delivered image for review: a classifier labelled it. It is neither blocked nor purged."""
        incident = Incident(
            at=time.time(),
            decision=Decision.DELIVER,
            reason=Reason.CLASSIFIED,
            target=target,
            sha256=sha256,
            list="",
            entry_id="",
            signal_type="",
            distance=0,
            classifier=classifier,
            label=label,
            score=score,
        )
        if not self._buffer.put((incident, _Window())):
            metrics.incidents_dropped.inc()

    def forget_windows(self) -> None:
        """The store has lost its incidents: the next match of each target is a new one."""
        self._windows.clear()

    def _count_hit(self, window: _Window) -> None:
        if id(window) not in self._unwritten and len(self._unwritten) >= MAX_UNWRITTEN:
            metrics.incident_hits_dropped.inc()
            return
        window.hits += 1
        self._unwritten[id(window)] = window

    def _remember(self, key: bytes, window: _Window) -> None:
        self._windows.pop(key, None)
        self._windows[key] = window
        if len(self._windows) > MAX_WINDOWS:
            for old in oldest(self._windows):
                del self._windows[old]

    async def _write(self, batch: Sequence[tuple[Incident, _Window]]) -> None:
        written = [window.hits for _, window in batch]
        incidents = [replace(incident, hits=hits) for (incident, _), hits in zip(batch, written, strict=True)]
        ids = await self._incidents.add(incidents)
        for (_, window), hits, incident_id in zip(batch, written, ids, strict=True):
            window.id, window.written = incident_id, hits

    async def _write_hits(self) -> None:
        """Write the hits of incidents that are in the store. Total numbers: to write them twice changes nothing."""
        due = [window for window in self._unwritten.values() if window.id]
        while some := list(islice(due, HITS_PER_WRITE)):
            due = due[HITS_PER_WRITE:]
            totals: Mapping[str, int] = {window.id: window.hits for window in some if window.hits > window.written}
            if totals:
                await self._incidents.set_hits(totals)
            for window in some:
                window.written = max(window.written, totals.get(window.id, 0))
                if window.written == window.hits:
                    del self._unwritten[id(window)]


def _size(incident: Incident) -> int:
    return INCIDENT_BYTES + incident.target.length


def _incident_of(target: Target, sha256: str, verdict: Verdict) -> Incident:
    assert verdict.match is not None
    entry, signal = verdict.match.entry, verdict.match.signal
    return Incident(
        at=time.time(),
        decision=verdict.decision,
        reason=verdict.reason,
        target=target,
        sha256=sha256,
        list=entry.list,
        entry_id=entry.id,
        signal_type=signal.type,
        distance=verdict.match.distance,
        view=signal.view,
        frame=signal.frame,
        act=entry.act,
        source_id=entry.source_id,
        tags=entry.tags,
    )
