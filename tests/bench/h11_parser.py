"""`ResponseParser` on top of h11, to compare the two. It is here to be measured, and no part of Edgeward.

It uses h11 in its fastest form: a new `h11.Connection` for each response, which is not told of the request. h11 then
accepts no interim responses (1xx), and expects a body after HEAD. One `h11.Connection` that is told of every request
can do both, and is slower.
"""

from collections import deque

import h11

from edgeward.caches.response_parser import MAX_HEAD_BYTES, HttpResponse, InvalidResponse


class H11Parser:
    """Bytes in, responses out, with the methods of `ResponseParser` that a connection calls. Not for HEAD."""

    def __init__(self) -> None:
        self.reusable = True
        self._http = h11.Connection(h11.CLIENT, MAX_HEAD_BYTES)
        self._expected: deque[int] = deque()
        self._response: h11.Response | None = None
        self._body = bytearray()

    def expect(self, method: str, keep: int) -> None:
        """Expect one more response. `keep`: bytes of its body to keep; with 0 the body is dropped."""
        if method == "HEAD":
            raise ValueError("h11 must be told of a HEAD request")
        self._expected.append(keep)

    def feed(self, data: bytes) -> list[HttpResponse]:
        """The responses that these bytes complete. Raises InvalidResponse."""
        self._http.receive_data(data)
        complete = []
        try:
            while self._expected:
                event = self._http.next_event()
                kind = type(event)
                # In the order in which they come; identity is the cheapest test.
                if kind is h11.Response:
                    self._response = event  # type: ignore[assignment]
                elif kind is h11.EndOfMessage:
                    complete.append(self._finish())
                elif kind is h11.Data:
                    self._keep(event.data)  # type: ignore[union-attr]
                else:
                    break
        except h11.RemoteProtocolError as error:
            raise InvalidResponse(str(error)) from None
        if not self._expected and self._http.trailing_data[0]:
            self.reusable = False
        return complete

    def end(self) -> list[HttpResponse]:
        """The connection ended. Raises EOFError when a response is incomplete."""
        self.reusable = False
        if self._expected:
            raise EOFError("closed without a complete response")
        return []

    def _keep(self, data: bytes) -> None:
        keep = self._expected[0]
        if keep:
            self._body += data
            if len(self._body) > keep:
                raise InvalidResponse(f"the body of the response is longer than {keep} bytes")

    def _finish(self) -> HttpResponse:
        """The response that is complete. A new h11 connection gets the bytes behind it."""
        assert self._response is not None
        headers: dict[str, str] = {}
        for name_bytes, value_bytes in self._response.headers:
            name, value = name_bytes.decode("latin-1"), value_bytes.decode("latin-1")
            headers[name] = f"{headers[name]}, {value}" if name in headers else value
        response = HttpResponse(self._response.status_code, headers, bytes(self._body))
        self._body.clear()
        self._expected.popleft()
        if self._http.their_state is not h11.DONE:
            self.reusable = False
        left, _ = self._http.trailing_data
        self._http = h11.Connection(h11.CLIENT, MAX_HEAD_BYTES)
        if left:
            self._http.receive_data(left)
        return response
