"""What an origin has under a target now, asked past every cache."""

import hashlib
from dataclasses import dataclass, field
from enum import StrEnum

from edgeward.errors import CacheUnavailable
from edgeward.hashing import media
from edgeward.takedown.caches.answers import Answer
from edgeward.takedown.caches.wire import TargetError, Wire
from edgeward.takedown.sweep.queue import Checked
from edgeward.types import Target

SWEEPER = "edgeward-sweep"
"""The User-Agent by which operators of an origin tell these requests."""
REMOVED = frozenset((404, 410, 451))
NOT_SENT = frozenset(
    ("host", "connection", "content-length", "transfer-encoding", "te", "trailer", "upgrade", "expect", "range",
     "accept-encoding", "edgeward-secret", "if-none-match", "if-modified-since", "cache-control", "user-agent")
)  # fmt: skip
"""Request headers that a response may claim to vary on, and which are ours to set or none of our business."""


class Holds(StrEnum):
    """What the origin holds: the label `result` of edgeward_sweep_checks_total, but for what only a hash can tell."""

    SAME = "same"
    GONE = "gone"
    OTHER = "other"
    """An image of other bytes."""
    DOWN = "down"
    """It did not answer, or not for itself (5xx, 429, 401, 403): that says nothing of the image."""
    UNCLEAR = "unclear"
    """A redirect, a page, anything that is no image and no clear removal."""


@dataclass(frozen=True, slots=True)
class Found:
    """What the origin holds; the body of an image of other bytes; the validators of what was found."""

    holds: Holds
    checked: Checked = field(default_factory=lambda: Checked(0.0))
    body: bytes = b""


class Origin:
    """One origin.

    Args:
        url: its base URL; https:// is spoken with the host's name, whatever the address.
        timeout: for one answer, in seconds.
        max_bytes: of an image that is read.
    """

    def __init__(self, url: str, host: str, timeout: float, max_bytes: int) -> None:
        self._wire = Wire(url, timeout, server_name=host.partition(":")[0])
        self._max_bytes = max_bytes

    async def look(self, target: Target, sha256: str, last: Checked | None, now: float) -> Found:
        """Ask for the target, by condition where its validators are known from the last time.

        Args:
            sha256: of the image that was served; the first digits are enough.
            now: becomes the time of the check, Unix seconds.
        """
        try:
            answer = await self._wire.ask("GET", target.host, target.path, _headers(target, last), keep=self._max_bytes)
        except TargetError:
            return Found(Holds.UNCLEAR)
        except CacheUnavailable:
            return Found(Holds.DOWN)
        checked = Checked(now, answer.headers.get("etag", ""), answer.headers.get("last-modified", ""))
        if answer.status == 304 and last:
            return Found(Holds.SAME, Checked(now, last.etag, last.last_modified))
        return _judge(answer, sha256, checked)

    def close(self) -> None:
        self._wire.close()


def _headers(target: Target, last: Checked | None) -> list[tuple[str, str]]:
    headers = [(name, value) for name, value in target.vary if name not in NOT_SENT]
    headers += [("User-Agent", SWEEPER), ("Accept-Encoding", "identity"), ("Cache-Control", "no-cache")]
    if last and last.etag:
        headers.append(("If-None-Match", last.etag))
    if last and last.last_modified:
        headers.append(("If-Modified-Since", last.last_modified))
    return headers


def _judge(answer: Answer, sha256: str, checked: Checked) -> Found:
    if answer.status in REMOVED:
        return Found(Holds.GONE)
    if answer.status in (401, 403, 429) or answer.status >= 500:
        return Found(Holds.DOWN)
    if answer.status != 200 or "content-encoding" in answer.headers:
        return Found(Holds.UNCLEAR)
    if hashlib.sha256(answer.body).hexdigest().startswith(sha256):
        return Found(Holds.SAME, checked)
    if media.sniff(answer.body[: media.PREFIX]) is None:
        return Found(Holds.UNCLEAR)
    return Found(Holds.OTHER, checked, answer.body)
