"""The live copy of the blocklist that every process holds in its memory.

It calls in before it loads (rollcall.py), loads, and then follows the stream of changes; what it has applied it
reports at once. So when nobody lags behind a version, no process lets a response through by anything older.

What can go wrong, and what then happens:

- the store is away: the copy goes on with what it has, `contact` ages, and it tries again for ever;
- its place in the stream was trimmed: it loads anew, and is not ready meanwhile;
- the store lost data (its version is lower, or the change applied last is another one there): it keeps what it has,
  adds what the store has, and says so loudly.
"""

import asyncio
import contextlib
import logging
import random
import secrets
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from itertools import batched
from typing import Any

from edgeward import metrics
from edgeward.blocklist.catalogue import Catalogue, parse_changes
from edgeward.blocklist.rollcall import ASTRAY, BEAT_SECONDS, LOADING, RollCall, question_of
from edgeward.errors import BadSignal
from edgeward.matching.matcher import Matcher
from edgeward.store.connection import STORE_AWAY, Redis, Store
from edgeward.types import Change

logger = logging.getLogger(__name__)

BATCH = 250
"""Changes applied at a stretch, a few milliseconds' work; then the loop has its turn."""
LOADING_BEAT_SECONDS = 0.05
"""How often to call in while loading: what was listed since the last call waits for the next."""
FIRST_PAUSE_SECONDS = 0.02
LAST_PAUSE_SECONDS = 1.0


class Replica:
    """A live copy of the blocklist."""

    def __init__(self, store: Store, name: str, matcher: Matcher | None = None) -> None:
        self.matcher = matcher or Matcher()
        self.ready = False
        self.contact = 0.0
        """Unix time of the last call that the store answered."""
        self.on_change: list[Callable[[Change], None]] = []
        """Called for each change as it is applied; not for what is loaded."""
        self.before_report: Callable[[], Awaitable[None]] | None = None
        """Awaited before an applied version is reported: who says that it has applied a version says with it that
        all that follows from what it did by older ones is on record. Awaited too before a question is answered."""
        self._store = store
        # No other may sign off or report in this one's place, so that one name is never two processes.
        self._name = f"{name}#{secrets.token_hex(3)}"
        self._catalogue = Catalogue(store)
        self._rollcall = RollCall(store)
        self._reader: Redis | None = None
        self._task: asyncio.Task[None] | None = None
        self._reported = 0
        self._asked, self._answered = b"0-0", b"0-0"
        self._reporter: asyncio.Task[None] | None = None
        self._settled = asyncio.Event()
        self._moved = asyncio.Condition()
        self._calling = asyncio.Lock()
        self._loaded = False
        self._keep = False
        self._last_at: float | None = None
        self._next_beat = 0.0
        self._away = False

    @property
    def version(self) -> int:
        """The version that is applied."""
        return self.matcher.version

    async def start(self) -> None:
        """Return when the lists are loaded; or, not ready, when the store is away: then it goes on trying."""
        self._reader = await self._store.blocking()
        self._task = asyncio.create_task(self._run(self._reader), name=f"replica {self._name}")
        await self._settled.wait()

    async def close(self) -> None:
        """Stop following and sign off."""
        if self._task is None or self._reader is None:
            return
        async with self._calling:  # a call cut off on its way could reach the store after the signing off
            self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        self._task = None
        if self._reporter is not None:
            self._reporter.cancel()
            await asyncio.gather(self._reporter, return_exceptions=True)
        await self._reader.aclose()
        with contextlib.suppress(*STORE_AWAY):
            await self._rollcall.leave(self._name)

    async def wait_version(self, version: int, timeout: float) -> bool:
        """Wait until `version` is applied, at most `timeout` seconds. Returns whether it is."""
        try:
            async with asyncio.timeout(timeout), self._moved:
                return await self._moved.wait_for(lambda: self._loaded and self.version >= version)
        except TimeoutError:
            return False

    async def catch_up(self, timeout: float) -> bool:
        """Apply all that the store holds by now, within `timeout` seconds. False: not in time, or the store is away."""
        try:
            async with asyncio.timeout(timeout):
                return await self.wait_version(await self._catalogue.version(), timeout)
        except TimeoutError:
            return False
        except STORE_AWAY:
            return False

    async def _run(self, reader: Redis) -> None:
        pause = FIRST_PAUSE_SECONDS
        while True:
            try:
                if not self._loaded:
                    await self._load()
                if self._loaded:
                    self._settled.set()
                pause = FIRST_PAUSE_SECONDS
                await self._follow(reader)
                continue
            except STORE_AWAY as error:
                self._note_away(error)
            except Exception:
                # A defect must not end the task: the lists would grow stale unseen. It is counted, whoever waits for
                # this replica names it, and everything is loaded anew.
                metrics.gate_errors.labels("replica").inc()
                logger.exception("replica %s: defect; loading anew", self._name)
                self._loaded = False
            self._settled.set()
            await asyncio.sleep(pause * random.uniform(0.5, 1.0))
            pause = min(2 * pause, LAST_PAUSE_SECONDS)

    def _note_away(self, error: Exception) -> None:
        if not self._away:
            logger.warning("replica %s: store away, going on with version %d: %s", self._name, self.version, error)
        self._away = True

    async def _beat(self) -> None:
        """Report what is applied; learn whether the store still has the history that this copy is made of."""
        sent = time.time()
        self._next_beat = time.monotonic() + (BEAT_SECONDS if self._loaded else LOADING_BEAT_SECONDS)
        async with self._calling:
            # Two tasks call in: what the answer is compared with is what it was asked about.
            loaded, version, last_at = self._loaded, self.version, self._last_at
            answered = question_of(self._answered)
            beat = await self._rollcall.beat(self._name, self._to_report(), version if loaded else LOADING, answered)
        if self._away:
            logger.warning("replica %s: store back", self._name)
        self._away = False
        self.contact = sent
        metrics.blocklist_contact.set(sent)
        another = beat.at is not None and last_at is not None and beat.at != last_at
        if loaded and self._loaded and (beat.version < version or another):
            logger.error(
                "replica %s: the store lost changes (it is at version %d, this copy at %d): keeping what is here",
                self._name, beat.version, version,
            )  # fmt: skip
            self._loaded = False
            self._keep = True

    def _to_report(self) -> int:
        if self._loaded:
            return self._reported
        return ASTRAY if self.ready else LOADING

    async def _beat_if_due(self) -> None:
        if time.monotonic() >= self._next_beat:
            await self._beat()

    async def _load(self) -> None:
        """Take over what the store has. What this copy has beyond that is dropped, unless the store lost it.

        Changes go on while the snapshot is read, so all that were made since it was begun are applied to it again, in
        order: the last one on anything decides.
        """
        await self._beat()
        version = await self._catalogue.version()
        await self._read_snapshot()
        self.matcher.version = version
        self._last_at = None
        # From the newest change on, not after it: its time is what tells this history from another.
        after = max(version - 1, 0)
        while changes := await self._catalogue.changes(after, BATCH):
            if not self._connects(changes):
                return
            await self._apply(changes)
            after = self.version
        self._loaded = self.ready = True
        self._keep = False
        await self._tell()

    async def _read_snapshot(self) -> None:
        lists = await self._catalogue.lists()
        for hash_list in lists:
            self.matcher.set_list(hash_list)
            seen = set[str]()
            async for chunk in self._catalogue.scan(hash_list.name):
                for entry in chunk:
                    seen.add(entry.id)
                    with self._complaint():
                        self.matcher.add_entry(entry)
                await self._beat_if_due()
            if not self._keep:
                await self._remove(hash_list.name, set(self.matcher.entries(hash_list.name)) - seen)
        if not self._keep:
            for name in self.matcher.lists.keys() - {hash_list.name for hash_list in lists}:
                await self._delete_list(name)

    async def _follow(self, reader: Redis) -> None:
        """Apply changes as they come and report each batch at once. Returns when everything must be loaded anew."""
        while True:
            await self._beat()
            if not self._loaded:
                return
            changes = await self._next(reader)
            if changes:
                await self._beat()  # before they are applied: they may belong to another history
                if not self._loaded:
                    return
            if not self._connects(changes):
                logger.warning("replica %s: changes after version %d are gone; loading anew", self._name, self.version)
                self._loaded = self.ready = False
                return
            await self._apply(changes)
            self._report()
            for change in changes:
                for callback in self.on_change:
                    callback(change)

    async def _next(self, reader: Redis) -> list[Change]:
        """The next changes as soon as there are any, or a question; none within the time between two calls."""
        changes, questions = self._catalogue.stream, self._rollcall.questions
        async with asyncio.timeout(BEAT_SECONDS + self._store.timeout):
            reply: Any = await reader.xread(
                {changes: f"{self.version}-0", questions: self._asked}, count=BATCH, block=int(BEAT_SECONDS * 1000)
            )
        found = {stream.decode(): records for stream, records in reply}
        if questions in found:
            self._asked = found[questions][-1][0]
        return parse_changes(found.get(changes))

    def _connects(self, changes: Sequence[Change]) -> bool:
        """Whether nothing is missing between what is applied and these changes."""
        return not changes or changes[0].version <= self.version + 1

    async def _apply(self, changes: Sequence[Change]) -> None:
        for change in changes:
            if change.op == "list.delete" and change.list:
                await self._delete_list(change.list.name)
            with self._complaint():
                self.matcher.apply(change)
            self._last_at = change.at
        if changes:
            await self._tell()

    def _report(self) -> None:
        """See that what is applied and asked is reported."""
        if self.before_report is None:
            self._reported, self._answered = self.version, self._asked
        elif self._to_be_reported() and (self._reporter is None or self._reporter.done()):
            self._reporter = asyncio.create_task(self._report_later(self.before_report), name="replica report")

    def _to_be_reported(self) -> bool:
        return (self._reported, self._answered) != (self.version, self._asked)

    async def _report_later(self, before: Callable[[], Awaitable[None]]) -> None:
        """Report what is applied when all before it is on record; changes go on being applied meanwhile."""
        while self._to_be_reported():
            version, asked = self.version, self._asked
            await before()
            self._reported, self._answered = version, asked
        if self._loaded:
            with contextlib.suppress(*STORE_AWAY):
                await self._beat()

    async def _delete_list(self, name: str) -> None:
        """In steps, so that a long list does not stall the loop."""
        await self._remove(name, set(self.matcher.entries(name)))
        self.matcher.delete_list(name)

    async def _remove(self, list_name: str, ids: set[str]) -> None:
        for chunk in batched(ids, BATCH):
            for entry_id in chunk:
                self.matcher.remove_entry(list_name, entry_id)
            await asyncio.sleep(0)
            await self._beat_if_due()

    @contextlib.contextmanager
    def _complaint(self) -> Iterator[None]:
        """An entry that can't match anything is named in the log and passed over: it must not stop the others."""
        try:
            yield
        except BadSignal as error:
            logger.error("replica %s: %s", self._name, error)

    async def _tell(self) -> None:
        metrics.blocklist_version.set(self.version)
        for (list_name, signal_type), number in self.matcher.counts().items():
            metrics.blocklist_entries.labels(list_name, signal_type).set(number)
        for (list_name, signal_type), number in self.matcher.not_matchable().items():
            metrics.not_matchable_entries.labels(list_name, signal_type).set(number)
        self._report()
        async with self._moved:
            self._moved.notify_all()
