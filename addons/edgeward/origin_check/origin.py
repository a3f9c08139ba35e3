"""Asks an origin directly, past every cache, what it has under a target now."""

import hashlib
import re
from dataclasses import dataclass, field
from enum import StrEnum
from urllib.parse import urljoin, urlsplit

from edgeward.caches.raw_http import RawHttpClient, TargetError
from edgeward.caches.response_parser import HttpResponse
from edgeward.caches.retry_after import retry_after
from edgeward.errors import CacheUnavailable
from edgeward.hashing import media_types
from edgeward.origin_check.queue import LastCheck
from edgeward.types import Target

USER_AGENT = "edgeward-sweep"
"""Lets the operators of an origin recognise these requests in their logs."""
REMOVED_STATUSES = frozenset((404, 410, 451))
REFUSED_STATUSES = frozenset((400, 401, 403))
"""What an origin answers for an image that is no longer public."""
REDIRECT_STATUSES = frozenset((301, 302, 303, 307, 308))
_LOG_IN = re.compile(
    r"(?:^|[/._-])(?:log-?_?[io]n|sign-?_?[io]n|auth|authn|authenticate|authori[sz]e|oauth2?|openid|sso|saml2?|idp|cas|accounts?)"
    r"(?:[/._-]|$)"
)
"""Names of hosts and path segments at which people log in."""
_IMAGE_NAME = re.compile(r"\.(?:avif|bmp|gif|heic|ico|jpe?g|jp2|jxl|png|svg|tiff?|webp)$")
NOT_SENT = frozenset(
    ("host", "connection", "content-length", "transfer-encoding", "te", "trailer", "upgrade", "expect", "range",
     "accept-encoding", "edgeward-secret", "if-none-match", "if-modified-since", "cache-control", "user-agent")
)  # fmt: skip
"""Request headers that are not copied from a target's Vary: Edgeward sets them, or they belong to a connection."""


class OriginState(StrEnum):
    """What the origin has now.

    Only hashes can tell whether OTHER means "same" or "replaced", and only a second look what PRIVATE and PAGE mean.
    """

    SAME = "same"
    GONE = "gone"
    OTHER = "other"
    """An image with other bytes."""
    DOWN = "down"
    """No answer, or a status that says nothing about the image: 5xx or 429."""
    PRIVATE = "private"
    """400, 401, 403, or a redirect to a page where people log in: the image is not public."""
    PAGE = "page"
    """200 with something that is no image: a page that says so, or a page of a host in maintenance."""
    UNCLEAR = "unclear"
    """Another redirect, or anything else that is neither an image nor a clear removal."""


@dataclass(frozen=True, slots=True)
class OriginAnswer:
    """What the origin has now.

    Attributes:
        checked: when it was asked, and the validators of what it has.
        body: the image, if `state` is OTHER.
        location: where another redirect leads, without its query; "" if there is none.
        problem: why there is no usable answer, if `state` is DOWN, for people.
        retry_after: seconds for which it asks to be left alone then, else 0.
    """

    state: OriginState
    checked: LastCheck = field(default_factory=lambda: LastCheck(0.0))
    body: bytes = b""
    location: str = ""
    problem: str = ""
    retry_after: float = 0.0


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
        except CacheUnavailable as error:
            return OriginAnswer(OriginState.DOWN, problem=str(error))
        # A 304 without a condition in the request is a broken answer: it falls through to UNCLEAR.
        if response.status == 304 and last:
            return OriginAnswer(OriginState.SAME, LastCheck(now, last.etag, last.last_modified))
        checked = LastCheck(now, response.headers.get("etag", ""), response.headers.get("last-modified", ""))
        if response.status in REDIRECT_STATUSES:
            return _redirected(target, response)
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


def _redirected(target: Target, response: HttpResponse) -> OriginAnswer:
    """A redirect leads to where people log in, or elsewhere. One to the same path (https, www.) says nothing."""
    try:
        parts = urlsplit(urljoin(target.url, response.headers.get("location", "")))
    except ValueError:
        return OriginAnswer(OriginState.UNCLEAR)
    path = parts.path.lower()
    moved = path != target.path.partition("?")[0].lower()
    if (
        moved
        and not _IMAGE_NAME.search(path)
        and (_LOG_IN.search(path) or _LOG_IN.search((parts.hostname or "").lower()))
    ):
        return OriginAnswer(OriginState.PRIVATE)
    location = f"{parts.scheme}://{parts.netloc}{parts.path}" if moved else ""
    return OriginAnswer(OriginState.UNCLEAR, location=location)


def _judged(response: HttpResponse, sha256: str, checked: LastCheck) -> OriginAnswer:
    if response.status in REMOVED_STATUSES:
        return OriginAnswer(OriginState.GONE)
    if response.status in REFUSED_STATUSES:
        return OriginAnswer(OriginState.PRIVATE)
    if response.status == 429 or response.status >= 500:
        pause = retry_after(response.headers.get("retry-after", "")) or 0.0
        return OriginAnswer(OriginState.DOWN, problem=f"it answers {response.status}", retry_after=pause)
    # A coded body, though identity was asked for, can't be compared.
    if response.status != 200 or "content-encoding" in response.headers:
        return OriginAnswer(OriginState.UNCLEAR)
    if hashlib.sha256(response.body).hexdigest().startswith(sha256):
        return OriginAnswer(OriginState.SAME, checked)
    declared = response.headers.get("content-type", "").strip().lower()
    if media_types.sniff(response.body[: media_types.SNIFF_BYTES]) is None and not declared.startswith("image/"):
        return OriginAnswer(OriginState.PAGE)
    return OriginAnswer(OriginState.OTHER, checked, response.body)
