"""All pages of a programme since a checkpoint, as one file.

What can't be read does not stop the rest. Of a programme that can be asked for a span of time, a span with a bad page
is halved again and again; of another, the pull goes on a little later. What is left is a gap: it is named, and asked
for again with each pull.

The checkpoint:

    until   up to when all is known, Unix seconds by the programme's clock
    mark    the programme's own mark of that place, if it gives one
    span    seconds of the next span: so many that it has neither few records nor too many
    gaps    [[from, to], ...]
"""

import asyncio
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, BinaryIO

from edgeward.imports.temporary_files import append, unnamed_file
from edgeward.sources.exchanges.programme import BadPage, Page, Programme
from edgeward.sources.list_files import Fetched
from edgeward.sources.source_client import SourceClient
from edgeward.sources.source_failure import SourceFailed

OVERLAP_SECONDS = 600.0
"""So much is read again with each pull: a record may become visible late, and clocks differ."""
FIRST_SPAN_SECONDS = 30 * 86400.0
FEW_RECORDS, MANY_RECORDS = 20_000, 200_000
"""Of one span: it is doubled, or halved for the next one."""
MIN_SPAN_SECONDS = 60.0
MAX_SPLITS = 32
"""Spans that one pull halves; then whole spans become gaps."""
MAX_PAGES = 20_000
"""Of one span: a link that leads on for ever."""
SLICE_PAGES, SLICE_BYTES = 2000, 512 * 1024 * 1024
"""As much is imported at once. The rest is another pull, which begins at once."""
MAX_GAPS = 100
ATTEMPTS = 3
MAX_PAUSE_SECONDS = 30.0
"""Longest pause that a server asks for and that a pull waits for; else the pull ends."""
STEPS_SECONDS = (1.0, 60.0, 3600.0, 86400.0, 7 * 86400.0)
"""How far a pull goes on after a page that can't be read, one after another."""
EXPIRED = frozenset({400, 404, 410})
"""What a link to a next page answers once it has expired."""


class ExchangeFetcher:
    """Fetches one exchange.

    Args:
        directory: where the file is kept while it is read, without a name.
        now: the store's time, Unix seconds.
    """

    def __init__(self, programme: Programme, directory: Path, now: Callable[[], float] = time.time) -> None:
        self._programme, self._directory, self._now = programme, directory, now

    async def fetch(self, checkpoint: Mapping[str, Any]) -> Fetched:
        """What is new since the checkpoint.

        Raises:
            SourceFailed: nothing could be read.
            NoDiskSpace: the disk is full.
        """
        until, gaps = float(checkpoint.get("until", 0.0)), [tuple(each) for each in checkpoint.get("gaps", ())]
        keeps, now = self._programme.keeps_deletions, self._now()
        is_stale = bool(keeps and until and now - until > keeps)
        is_first = not until or is_stale
        file = await asyncio.to_thread(unnamed_file, self._directory)
        try:
            async with self._programme.client() as client:
                run = _Run(self._programme, client, file, self._directory)
                for start, stop in gaps if not is_first else ():
                    await run.gap(start, stop)
                start = self._programme.first if is_first else max(self._programme.first, until - OVERLAP_SECONDS)
                mark = "" if is_first else str(checkpoint.get("mark", ""))
                await run.new(start, now, float(checkpoint.get("span", FIRST_SPAN_SECONDS)), mark)
            if not run.pages:
                # Not even one: something else answers there.
                raise SourceFailed(run.problems[-1] if run.problems else "no page can be read")
            await asyncio.to_thread(run.finish)
        except BaseException:
            file.close()
            raise
        found = {"until": max(run.until, 0.0 if is_first else until), "mark": run.mark or mark, "span": run.span}
        found["gaps"] = merged(run.gaps)[-MAX_GAPS:]
        problems = [*run.problems]
        if is_stale:
            problems.append("the last pull is so old that deletions may be lost: all was pulled anew")
        is_whole = is_first and not run.more and not run.gaps
        if not run.count:
            file.close()
            return Fetched(None, found, problems=tuple(problems), more=run.more)
        return Fetched(file, found, self._programme.format, tuple(problems), run.more, is_whole)


class _Run:
    """One pull: what it has read so far.

    Attributes:
        until, mark, span, gaps: of the next checkpoint.
        count: records.
        pages: that could be read.
        problems: for people.
        more: there is more to be read at once.
    """

    def __init__(self, programme: Programme, client: SourceClient, file: BinaryIO, directory: Path) -> None:
        self._programme, self._client = programme, client
        self._file, self._directory = file, directory
        self.until, self.mark, self.span = 0.0, "", FIRST_SPAN_SECONDS
        self.gaps: list[tuple[float, float]] = []
        self.problems: list[str] = []
        self.more = False
        self.count = self.pages = self._splits = self._bytes = 0

    async def gap(self, start: float, stop: float) -> None:
        """Read again what could not be read before."""
        if self._programme.windows:
            await self._span(start, stop)
            return
        at, seen = "", set[str]()
        while True:
            try:
                page = await self._page(start, stop, at, "")
            except BadPage as error:
                self._note_gap(start, stop, error)
                return
            await self._add(page)
            if page.newest > stop or not (at := self._next(page, seen)):
                return

    async def new(self, start: float, stop: float, span: float, mark: str) -> None:
        """Read what is new. `stop`: now."""
        self.until, self.span = start, span
        await (self._new_spans(start, stop) if self._programme.windows else self._new_pages(start, stop, mark))

    async def _new_spans(self, start: float, stop: float) -> None:
        first = start
        while start < stop:
            end = min(stop, start + self.span)
            before = self.count
            try:
                server_time = await self._span(start, end)
            except SourceFailed as error:
                if start == first:
                    raise
                self.problems.append(f"stopped before the end: {error}")
                return
            # The programme's clock may be behind: what it has not seen yet is asked for again.
            self.until = min(end, server_time or end)
            read = self.count - before
            if end < stop:
                self.span = 2 * self.span if read < FEW_RECORDS else self.span
                self.span = max(MIN_SPAN_SECONDS, self.span / 2) if read > MANY_RECORDS else self.span
            start = end
            if self._is_enough() and start < stop:
                self.more = True
                return

    async def _span(self, start: float, stop: float) -> float:
        """All pages of a span; of a bad one, the halves. Returns the programme's time at the first page."""
        try:
            return await self._all_pages(start, stop)
        except BadPage as error:
            if stop - start <= MIN_SPAN_SECONDS or self._splits >= MAX_SPLITS:
                self._note_gap(start, stop, error)
                return 0.0
        self._splits += 1
        middle = (start + stop) // 2
        server_time = await self._span(start, middle)
        return max(server_time, await self._span(middle, stop))

    async def _all_pages(self, start: float, stop: float) -> float:
        """Raises BadPage, SourceFailed."""
        for attempt in range(ATTEMPTS):
            at, seen, server_time = "", set[str](), 0.0
            try:
                while True:
                    page = await self._page(start, stop, at, "")
                    server_time = server_time or page.server_time
                    await self._add(page)
                    if not (at := self._next(page, seen)):
                        return server_time
            except SourceFailed as error:
                # Links to next pages expire: the span is read once more from its beginning.
                if not at or error.status not in EXPIRED or attempt == ATTEMPTS - 1:
                    raise
        raise AssertionError("the last attempt returns or raises")

    async def _new_pages(self, start: float, stop: float, mark: str) -> None:
        at, seen = "", set[str]()
        while True:
            try:
                page = await self._page(start, stop, at, mark)
            except BadPage as error:
                page = await self._after_gap(self.until, error)
                self.until, seen = min(stop, self.gaps[-1][1]), set()
            except SourceFailed as error:
                if not self.count:
                    raise
                self.problems.append(f"stopped before the end: {error}")
                return
            await self._add(page)
            self.until, self.mark = max(self.until, page.newest), page.mark or self.mark
            if not (at := self._next(page, seen)):
                return
            if self._is_enough():
                self.more = True
                return

    async def _after_gap(self, start: float, error: BadPage) -> Page:
        """The first page after one that can't be read. Raises SourceFailed if none can."""
        for step in STEPS_SECONDS:
            try:
                page = await self._page(start + step, 0.0, "", "")
            except BadPage:
                continue
            self._note_gap(start, start + step, error)
            return page
        raise SourceFailed(f"a page can't be read, nor any after it: {error}")

    async def _page(self, start: float, stop: float, at: str, mark: str) -> Page:
        """A page. A server that asks for a short pause gets it; a bad page is asked for once more."""
        for attempt in range(ATTEMPTS):
            try:
                page = await self._programme.page(self._client, start, stop, at, mark)
            except SourceFailed as error:
                pause = error.retry_after
                if pause is None or pause > MAX_PAUSE_SECONDS or attempt == ATTEMPTS - 1:
                    raise
                await asyncio.sleep(pause)
            except BadPage:
                if attempt:
                    raise
            else:
                self.pages += 1
                return page
        raise AssertionError("the last attempt returns or raises")

    def _next(self, page: Page, seen: set[str]) -> str:
        """Where the next page is. Raises SourceFailed if the links lead on for ever."""
        if page.next in seen or len(seen) >= MAX_PAGES:
            raise SourceFailed("its pages link to each other without an end")
        if page.next:
            seen.add(page.next)
        return page.next

    async def _add(self, page: Page) -> None:
        if page.count or page.content.strip():
            await asyncio.to_thread(self._write, page)

    def _write(self, page: Page) -> None:
        if not page.count:
            return
        append(self._file, self._programme.between if self.count else self._programme.begin, self._directory)
        append(self._file, page.content, self._directory)
        self.count += page.count
        self._bytes += len(page.content)

    def finish(self) -> None:
        """All is read: the file is whole, and at its beginning."""
        append(self._file, self._programme.end, self._directory)
        self._file.seek(0)

    def _is_enough(self) -> bool:
        return self.pages >= SLICE_PAGES or self._bytes >= SLICE_BYTES

    def _note_gap(self, start: float, stop: float, error: BadPage) -> None:
        self.gaps.append((start, stop))
        days = f"{_time(start)} to {_time(stop)}"
        self.problems.append(f"what changed from {days} can't be read, and is asked for again: {error}")


def merged(gaps: Iterable[tuple[float, float]]) -> list[tuple[float, float]]:
    """Gaps in their order, those that touch as one."""
    found: list[tuple[float, float]] = []
    for start, stop in sorted(gaps):
        if found and start <= found[-1][1]:
            found[-1] = found[-1][0], max(stop, found[-1][1])
        else:
            found.append((start, stop))
    return found


def _time(seconds: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))
