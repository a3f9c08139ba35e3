"""Asks an origin directly, past every cache, what it has under a target now."""

import hashlib
from dataclasses import dataclass, field
from enum import StrEnum

from edgeward.caches.raw_http import RawHttpClient, TargetError
from edgeward.caches.response_parser import HttpResponse
from edgeward.errors import CacheUnavailable
from edgeward.hashing import media_types
from edgeward.origin_check.queue import LastCheck
from edgeward.types import Target

USER_AGENT = "edgeward-sweep"
"""Lets the operators of an origin recognise these requests in their logs."""
REMOVED_STATUSES = frozenset((404, 410, 451))
NOT_SENT = frozenset(
    ("host", "connection", "content-length", "transfer-encoding", "te", "trailer", "upgrade", "expect", "range",
     "accept-encoding", "edgeward-secret", "if-none-match", "if-modified-since", "cache-control", "user-agent")
)  # fmt: skip
"""Request headers that are not copied from a target's Vary: Edgeward sets them, or they belong to a connection."""


class OriginState(StrEnum):
    """What the origin has now: the label `result` of edgeward_sweep_checks_total, except OTHER.

    Only hashes can tell whether OTHER means "same" or "replaced".
    """

    SAME = "same"
    GONE = "gone"
    OTHER = "other"
    """An image with other bytes."""
    DOWN = "down"
    """No answer, or a status that says nothing about the image: 5xx, 429, 401 or 403."""
    UNCLEAR = "unclear"
    """A redirect, a page, or anything else that is neither an image nor a clear removal."""


@dataclass(frozen=True, slots=True)
class OriginAnswer:
    """What the origin has now.

    Attributes:
        checked: when it was asked, and the validators of what it has.
        body: the image, if `state` is OTHER.
    """

    state: OriginState
    checked: LastCheck = field(default_factory=lambda: LastCheck(0.0))
    body: bytes = b""


class Origin:
    """One origin.

    Args:
        url: its base URL. With https:// the certificate must be for `host`, whatever the address.
        timeout: limit for one answer, in seconds.
        max_bytes: limit for the body of an image.
    """

    def __init__(self, url: str, host: str, timeout: float, max_bytes: int) -> None:
        self._client = RawHttpClient(url, timeout, server_name=host.partition(":")[0])
        self._max_bytes = max_bytes

    async def check(self, target: Target, sha256: str, last: LastCheck | None, now: float) -> OriginAnswer:
        """Request the target, conditionally if its validators are known from the last check.

        Args:
            sha256: of the image that was served, or the first digits of it.
            now: becomes the time of the check, Unix seconds.
        """
        headers = _headers(target, last)
        try:
            response = await self._client.ask("GET", target.host, target.path, headers, keep=self._max_bytes)
        except TargetError:
            return OriginAnswer(OriginState.UNCLEAR)
        except CacheUnavailable:
            return OriginAnswer(OriginState.DOWN)
        # A 304 without a condition in the request is a broken answer: it falls through to UNCLEAR.
        if response.status == 304 and last:
            return OriginAnswer(OriginState.SAME, LastCheck(now, last.etag, last.last_modified))
        checked = LastCheck(now, response.headers.get("etag", ""), response.headers.get("last-modified", ""))
        return _judged(response, sha256, checked)

    def close(self) -> None:
        self._client.close()


def _headers(target: Target, last: LastCheck | None) -> list[tuple[str, str]]:
    headers = [(name, value) for name, value in target.vary if name not in NOT_SENT]
    headers += [("User-Agent", USER_AGENT), ("Accept-Encoding", "identity"), ("Cache-Control", "no-cache")]
    if last and last.etag:
        headers.append(("If-None-Match", last.etag))
    if last and last.last_modified:
        headers.append(("If-Modified-Since", last.last_modified))
    return headers


def _judged(response: HttpResponse, sha256: str, checked: LastCheck) -> OriginAnswer:
    if response.status in REMOVED_STATUSES:
        return OriginAnswer(OriginState.GONE)
    if response.status in (401, 403, 429) or response.status >= 500:
        return OriginAnswer(OriginState.DOWN)
    # A coded body, though identity was asked for, can't be compared.
    if response.status != 200 or "content-encoding" in response.headers:
        return OriginAnswer(OriginState.UNCLEAR)
    if hashlib.sha256(response.body).hexdigest().startswith(sha256):
        return OriginAnswer(OriginState.SAME, checked)
    if media_types.sniff(response.body[: media_types.SNIFF_BYTES]) is None:
        return OriginAnswer(OriginState.UNCLEAR)
    return OriginAnswer(OriginState.OTHER, checked, response.body)
