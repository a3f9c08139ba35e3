"""What clients get instead of a response: 451 and the other refusals. They name neither details nor inner addresses.

RFC 7725 (451): the body explains, `Link: rel="blocked-by"` names who implements the block. A 451 is cacheable by
default and could outlive the block, so every page here says `no-store`.
"""

import html
import json
import re
from email.utils import formatdate
from http import HTTPStatus

from mitmproxy import http

from edgeward.types import Action

_TEXTS = {
    400: "The request could not be understood.",
    403: "The request was refused.",
    404: "Not found.",
    405: "This method is not allowed here.",
    410: "This is no longer available.",
    451: "This image is not available: it is on a list of images that must not be served.",
    502: "The server behind this one sent no valid response.",
    503: "This can't be checked at the moment. Try again later.",
}
_PLACEHOLDER = (
    b'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 9" preserveAspectRatio="none">'
    b'<rect width="16" height="9" fill="#ccc"/></svg>'
)
_DOCTOR_PATH = re.compile(rb"/\.well-known/edgeward/doctor/[0-9a-f]{32}")


def is_doctor_request(request: http.Request) -> bool:
    """Whether `edgeward doctor` asks for its test object through the cache, to see how the cache behaves."""
    return request.method == "GET" and bool(_DOCTOR_PATH.fullmatch(request.data.path))


def doctor_object(request: http.Request) -> http.Response:
    """A text that a cache stores for a minute, one variant for each Accept."""
    headers = {
        "Content-Type": "text/plain",
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


def refusal_page(request: http.Request, status: int, blocked_by: str | None = None) -> http.Response:
    """A short page, or a problem document (RFC 9457) where the client prefers JSON; no body on HEAD."""
    title = HTTPStatus(status).phrase
    if "json" in request.headers.get("accept", ""):
        problem = {"type": "about:blank", "title": title, "status": status, "detail": _TEXTS[status]}
        return _page(request, status, "application/problem+json", json.dumps(problem).encode(), blocked_by)
    return _page(request, status, "text/html; charset=utf-8", error_body(status), blocked_by)


def _page(request: http.Request, status: int, media_type: str, body: bytes, blocked_by: str | None) -> http.Response:
    headers = {"Content-Type": media_type, "Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
    if status == 451 and blocked_by:
        headers["Link"] = f'<{blocked_by}>; rel="blocked-by"'
    if status == 503:
        headers["Retry-After"] = "5"
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
