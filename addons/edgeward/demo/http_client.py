"""One HTTP request on its own connection, and the whole response as it was received."""

import http.client
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

HOST = "photos.example"
"""The Host header of every request, whichever address it is sent to."""


@dataclass(frozen=True, slots=True)
class HttpResponse:
    """Status, headers in order, and body without decoding. `seconds`: from connecting to the last byte of the body."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes
    seconds: float

    def header(self, name: str) -> str | None:
        """The first value of a header, case-insensitive; None if there is none."""
        return next((value for key, value in self.headers if key.lower() == name.lower()), None)

    def json(self) -> Any:
        return json.loads(self.body)


def ask(
    address: str,
    target: str = "/",
    method: str = "GET",
    headers: Mapping[str, str] | None = None,
    body: bytes | None = None,
    timeout: float = 30.0,
) -> HttpResponse:
    """Send exactly these headers (and Host, and Content-Length with a body) to HOST:PORT.

    Raises:
        OSError, http.client.HTTPException: no response, or a broken one.
    """
    started = time.perf_counter()
    host, _, port = address.rpartition(":")
    connection = http.client.HTTPConnection(host, int(port), timeout=timeout)
    try:
        connection.putrequest(method, target, skip_host=True, skip_accept_encoding=True)
        for name, value in _complete(headers or {}, body).items():
            connection.putheader(name, value)
        connection.endheaders(body)
        response = connection.getresponse()
        content = response.read()
        return HttpResponse(response.status, tuple(response.getheaders()), content, time.perf_counter() - started)
    finally:
        connection.close()


def _complete(headers: Mapping[str, str], body: bytes | None) -> dict[str, str]:
    names = {name.lower() for name in headers}
    complete = {} if "host" in names else {"Host": HOST}
    complete.update(headers)
    if body is not None and not names & {"content-length", "transfer-encoding"}:
        complete["Content-Length"] = str(len(body))
    return complete
