"""What the programmes have in common: pages of records, and what is wrong with one."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from typing import Any, ClassVar, Protocol
from urllib.parse import urljoin, urlsplit

from edgeward.sources.feedback import Feedback
from edgeward.sources.source_client import SourceAnswer, SourceClient

MAX_PAGE_BYTES = 64 * 1024 * 1024
MAX_ANSWER_BYTES = 1024 * 1024
"""Of an answer to feedback."""
MAX_REMEMBERED = 500_000
"""Records of one pull whose time is remembered, to tell older versions of them."""


class BadPage(Exception):
    """A page can't be read: it is cut off, is no such document, or leads elsewhere. The text says what."""


@dataclass(frozen=True, slots=True)
class Page:
    """A page.

    Attributes:
        content: its records, as they are joined into one file.
        count: how many there are.
        next: where the next page is; "" if it is the last one.
        newest: the latest time of a record, Unix seconds; 0 if there is none.
        mark: of a programme that gives marks: where the next pull begins.
        server_time: of the programme, Unix seconds; 0 if it does not say it.
    """

    content: bytes
    count: int
    next: str = ""
    newest: float = 0.0
    mark: str = ""
    server_time: float = 0.0


class Programme(Protocol):
    """The interface of one programme.

    Attributes:
        format: of the file that its pages make.
        begin, between, end: what stands before, between and after them.
        first: where the first pull begins, Unix seconds.
        windows: whether it can be asked for the records until a time.
        keeps_deletions: seconds for which it tells of deletions; 0: for ever.
    """

    format: ClassVar[str]
    begin: ClassVar[bytes]
    between: ClassVar[bytes]
    end: ClassVar[bytes]
    first: ClassVar[float]
    windows: ClassVar[bool]
    keeps_deletions: ClassVar[float]

    def client(self) -> SourceClient: ...

    async def page(self, client: SourceClient, start: float, stop: float, at: str, mark: str) -> Page:
        """One page.

        Args:
            start, stop: of the records that are asked for, Unix seconds.
            at: the `next` of the page before; "" for the first.
            mark: where the pull before ended; "" if only `start` says where to begin.

        Raises:
            BadPage, SourceFailed.
        """


class TakesFeedback(Protocol):
    """The interface of a programme that takes feedback."""

    def feedback_client(self) -> SourceClient:
        """For `give`: it may need other credentials."""

    async def give(self, client: SourceClient, feedback: Feedback) -> None:
        """Send feedback.

        Raises:
            FeedbackRefused: it can't be sent, also not later.
            SourceFailed: it was not taken.
        """


def json_page(answer: SourceAnswer) -> Mapping[str, Any]:
    """The JSON object of an answer. Raises BadPage."""
    try:
        data = json.loads(answer.read())
    except (ValueError, RecursionError) as error:
        where = f" at byte {error.pos:,}" if isinstance(error, json.JSONDecodeError) else ""
        raise BadPage(f"it is cut off, or no JSON{where}") from None
    if not isinstance(data, dict):
        raise BadPage("it is no JSON object")
    return data


def records_of(data: Mapping[str, Any], key: str) -> list[Any]:
    """The array of records. Raises BadPage."""
    if not isinstance(found := data.get(key), list):
        raise BadPage(f"it has no array {key!r}")
    return found


def number(value: object) -> float:
    """A time in seconds, as number or text; 0 for all else."""
    try:
        return float(value) if isinstance(value, int | float | str) and not isinstance(value, bool) else 0.0
    except ValueError:
        return 0.0


def same_server(url: str, base: str) -> str:
    """A link to the next page, as a whole URL. Raises BadPage if it leads to another server."""
    target = urljoin(base, url)
    if urlsplit(target)[:2] != urlsplit(base)[:2]:
        raise BadPage("its link to the next page leads to another server")
    return target


def server_time(answer: SourceAnswer) -> float:
    """By its header Date; 0 without one."""
    try:
        return parsedate_to_datetime(answer.headers.get("date", "")).timestamp()
    except (ValueError, TypeError, OverflowError):
        return 0.0


@dataclass(slots=True)
class LatestRecords:
    """Leaves out a record of which a later version came before it in the same pull."""

    _times: dict[tuple[str, ...], float] = field(default_factory=dict)

    def joined(self, records: Iterable[tuple[Any, tuple[str, ...], float]]) -> tuple[bytes, int]:
        """Records, each with its identity and time, as JSON with commas between them; and how many those are."""
        kept = []
        for record, key, at in records:
            if at and self._times.get(key, 0.0) > at:
                continue
            if at and (key in self._times or len(self._times) < MAX_REMEMBERED):
                self._times[key] = at
            kept.append(json.dumps(record, separators=(",", ":")))
        return ",".join(kept).encode(), len(kept)
