"""What clients get instead of a response: 451 and the other refusals. They name neither details nor inner addresses.

RFC 7725 (451): the body explains, `Link: rel="blocked-by"` names who implements the block. A 451 is cacheable by
default and could outlive the block, so every page here says `no-store`.
"""

import html
import json
import re
import secrets
from email.utils import formatdate
from http import HTTPStatus

from mitmproxy import http

from edgeward.types import Action, Reason

RETRY_SECONDS = 5
"""Retry-After of a 503 for which no better time is known."""
_UNCHECKED_FOR_NOW = frozenset(
    {Reason.TIMEOUT, Reason.CRASHED, Reason.OVERLOADED, Reason.NOT_READY, Reason.STORE_STALE, Reason.ERROR}
)
"""Reasons that may have passed when the client asks again."""
_TEXTS = {
    400: "The request could not be understood.",
    403: "The request was refused.",
    404: "Not found.",
    405: "This method is not allowed here.",
    410: "This is no longer available.",
    414: "The URL is too long.",
    431: "The head of the request is too large.",
    451: "This image is not available: it is on a list of images that must not be served.",
    502: "The server behind this one sent no valid response.",
    503: "This can't be checked at the moment. Try again later.",
}
_PLACEHOLDER = (
    b'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 9" preserveAspectRatio="none">'
    b'<rect width="16" height="9" fill="#ccc"/></svg>'
)
_DOCTOR_QUERY = rb"edgeward-doctor=[0-9a-f]{1,32}"
_DOCTOR_PATH = re.compile(
    rb"/\.well-known/edgeward/doctor/[0-9a-f]{32}(\?%b(&%b){0,3})?" % (_DOCTOR_QUERY, _DOCTOR_QUERY)
)


def is_doctor_request(request: http.Request) -> bool:
    """Whether `edgeward doctor` asks for its test object through the cache, to see how the cache behaves."""
    return request.method == "GET" and bool(_DOCTOR_PATH.fullmatch(request.data.path))


def doctor_object(request: http.Request) -> http.Response:
    """A text that a cache stores for a minute, one variant for each Accept. Its ETag tells two of them apart."""
    headers = {
        "Content-Type": "text/plain",
        "ETag": f'"{secrets.token_hex(8)}"',
        "Date": formatdate(usegmt=True),
        "Cache-Control": "public, max-age=60",
        "Vary": "Accept",
    }
    return http.Response.make(200, b"an object for edgeward doctor\n", headers)


def block_page(request: http.Request, action: Action, blocked_by: str | None) -> http.Response:
    """The response in place of a listed image, by the list's action."""
    if action is Action.PLACEHOLDER:
        return _page(request, 200, "image/svg+xml", _PLACEHOLDER, blocked_by)
    return refusal_page(request, int(action.value), blocked_by)


def unchecked_page(request: http.Request, reason: Reason, retry_seconds: int = RETRY_SECONDS) -> http.Response:
    """The response in place of a body that can't be checked: 503 if that may pass, else 403.

    403 (RFC 9110, 15.5.4): asking again will not help. Not a 5xx: shared caches answer those with an old copy, and
    clients repeat the request (RFC 5861, 4).

    Args:
        retry_seconds: for Retry-After of a 503.
    """
    if reason in _UNCHECKED_FOR_NOW:
        return refusal_page(request, 503, retry_seconds=retry_seconds)
    return refusal_page(request, 403)


def refusal_page(
    request: http.Request, status: int, blocked_by: str | None = None, retry_seconds: int = RETRY_SECONDS
) -> http.Response:
    """A short page, or a problem document (RFC 9457) where the client prefers JSON; no body on HEAD."""
    title = HTTPStatus(status).phrase
    media_type, body = "text/html; charset=utf-8", error_body(status)
    if "json" in request.headers.get("accept", ""):
        problem = {"type": "about:blank", "title": title, "status": status, "detail": _TEXTS[status]}
        media_type, body = "application/problem+json", json.dumps(problem).encode()
    page = _page(request, status, media_type, body, blocked_by)
    if status == 503:
        page.headers["Retry-After"] = str(retry_seconds)
    return page


def _page(request: http.Request, status: int, media_type: str, body: bytes, blocked_by: str | None) -> http.Response:
    headers = {"Content-Type": media_type, "Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
    if status == 451 and blocked_by:
        headers["Link"] = f'<{blocked_by}>; rel="blocked-by"'
    # A body after the head of a HEAD response would be read as the next response (RFC 9110, 9.3.2).
    return http.Response.make(status, b"" if request.method == "HEAD" else body, headers)


def error_body(status: int, message: str = "") -> bytes:
    """A page for a status. mitmproxy calls it with a `message`, which is not shown: it names inner addresses."""
    title = html.escape(f"{status} {HTTPStatus(status).phrase}")
    text = html.escape(_TEXTS.get(status, ""))
    return f"<!doctype html><title>{title}</title><h1>{title}</h1><p>{text}</p>\n".encode()


def error_bytes(status: int, message: str = "") -> bytes:
    """A complete HTTP/1.1 response for an error of the connection. Unlike mitmproxy's, it names no server version."""
    body = error_body(status)
    head = (
        f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\nConnection: close\r\nCache-Control: no-store\r\n"
        f"Content-Type: text/html; charset=utf-8\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body
