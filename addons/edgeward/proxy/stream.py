"""mitmproxy's HTTP stream, with three things it lacks for a gate.

- The first bytes of a response's body are read before `responseheaders` runs, so that an image under a wrong or missing
  Content-Type is known for one in time, and everything else can be streamed.
- A body that is buffered to be judged has a bound, also when it comes chunked.
- Once a response is refused, nothing of the upstream's body is kept: mitmproxy would put it under our own headers.

Built on private parts of mitmproxy (`HttpStream`), which is why pyproject pins its minor version;
tests/proxy/test_stream.py holds what we rely on.
"""

from collections.abc import Callable
from typing import Any, Self

from mitmproxy import http
from mitmproxy.proxy import events, layer
from mitmproxy.proxy.context import Context
from mitmproxy.proxy.layers import http as http_layer
from mitmproxy.proxy.layers.http import HttpStream, SendHttp, _http1, _http2
from mitmproxy.proxy.layers.http._events import (
    ErrorCode,
    RequestData,
    RequestProtocolError,
    ResponseData,
    ResponseEndOfMessage,
    ResponseHeaders,
    ResponseTrailers,
)
from mitmproxy.proxy.utils import ReceiveBuffer

from edgeward.hashing import codings as content_codings
from edgeward.proxy import pages, passage
from edgeward.proxy.candidate import candidate

type Steps = layer.CommandGenerator[None]


class _Body(ReceiveBuffer):
    """A body as it comes, in one piece of memory. mitmproxy keeps a list of small ones, which leave holes behind."""

    def __init__(self) -> None:
        self._bytes = bytearray()

    def __iadd__(self, other: bytes) -> Self:
        self._bytes += other
        return self

    def __len__(self) -> int:
        return len(self._bytes)

    def __bool__(self) -> bool:
        return bool(self._bytes)

    def __bytes__(self) -> bytes:
        return bytes(self._bytes)

    def clear(self) -> None:
        self._bytes = bytearray()


class GateStream(HttpStream):
    """One request and its response."""

    _held_headers: ResponseHeaders | None = None

    def __init__(self, context: Context, stream_id: int) -> None:
        super().__init__(context, stream_id)
        self.response_body_buf = _Body()
        self._held = bytearray()

    def state_wait_for_response_headers(self, event: ResponseHeaders) -> Steps:
        """Hold the headers back until the body has shown what it is."""
        way = passage.of(self.flow)
        if way is None or event.end_stream:
            yield from super().state_wait_for_response_headers(event)
            return
        self._held_headers = event
        self.server_state = self.state_peek
        yield from self._peek(way, None)

    def state_peek(self, event: events.Event) -> Steps:
        """Hold the body back until it has shown what it is."""
        way = passage.of(self.flow)
        assert way is not None
        if isinstance(event, ResponseData):
            self._held += event.data
        yield from self._peek(way, event)

    def _peek(self, way: passage.Passage, event: events.Event | None) -> Steps:
        assert self._held_headers is not None
        headers = self._held_headers.response.headers
        ended = isinstance(event, ResponseEndOfMessage | ResponseTrailers)
        codings = content_codings.parse(headers.get("content-encoding"))
        verdict = candidate(bytes(self._held), codings, headers.get("content-type", ""), ended, way.data_uris)
        if verdict is None:
            return
        way.candidate, way.codings = verdict, codings
        yield from super().state_wait_for_response_headers(self._held_headers)
        yield from self._go_on(way, event if ended else None)

    def _go_on(self, way: passage.Passage, end: events.Event | None) -> Steps:
        """As if nothing had been held back."""
        held, self._held = bytes(self._held), bytearray()
        if way.instead is not None:
            yield from self._refuse_now()
        elif self.server_state in (self.state_consume_response_body, self.state_stream_response_body):
            if held:
                yield from self.server_state(ResponseData(self.stream_id, held))
            if end is not None:
                yield from self.server_state(end)

    def state_consume_response_body(self, event: events.Event) -> Steps:
        """Buffer what is to be judged, within its bound."""
        way = passage.of(self.flow)
        data = event.data if isinstance(event, ResponseData) else b""
        if way is not None and way.body_limit is not None and len(self.response_body_buf) + len(data) > way.body_limit:
            yield from self._overflow(way, data)
        else:
            yield from super().state_consume_response_body(event)

    def _overflow(self, way: passage.Passage, data: bytes) -> Steps:
        """The body is larger than can be judged: refuse it, or, where policy delivers such, stream it from here on."""
        buffered = bytes(self.response_body_buf) + data
        self.response_body_buf.clear()
        way.overflowed()
        if way.instead is not None:
            yield from self._refuse_now()
            return
        assert self.flow.response is not None
        self.flow.response.stream = True
        yield from self.start_response_stream()
        yield from self.state_stream_response_body(ResponseData(self.stream_id, buffered))

    def send_response(self, already_streamed: bool = False) -> Steps:
        """Forget the body once it is sent: a stream lies in a reference cycle, and would keep it until a full
        collection of garbage."""
        yield from super().send_response(already_streamed)
        self.response_body_buf.clear()
        if self.flow.response is not None:
            self.flow.response.data.content = None

    def _refuse_now(self) -> Steps:
        """Answer with the refusal and hang up on the upstream: the rest of its body is not wanted."""
        error = RequestProtocolError(self.stream_id, "response refused", ErrorCode.RESPONSE_TOO_LARGE)
        yield SendHttp(error, self.context.server)
        yield from self.send_response()

    def state_done(self, event: events.Event) -> Steps:
        """What the upstream had sent before it was hung up on still arrives, and is dropped."""
        way = passage.of(self.flow)
        if way is None or way.instead is None:
            yield from super().state_done(event)

    def state_consume_request_body(self, event: events.Event) -> Steps:
        """A refused request's body is not kept."""
        way = passage.of(self.flow)
        if isinstance(event, RequestData) and way is not None and way.instead is not None:
            return
        yield from super().state_consume_request_body(event)


def install() -> None:
    """Make every HTTP stream of this process a GateStream, and every error page one of ours."""
    http_layer.HttpStream = GateStream  # type: ignore[misc]
    # Type checks of every message that is made, an eighth of a request's time: mypy has made them.
    _replace(http.MessageData, "__post_init__", lambda self: None)
    _replace(_http1, "make_error_response", pages.error_bytes)
    _replace(_http2, "format_error", pages.error_body)


def _replace(owner: Any, name: str, ours: Callable[..., Any]) -> None:
    """Fail at start, not at the first error, if mitmproxy no longer has what we replace."""
    if not hasattr(owner, name):
        raise RuntimeError(f"mitmproxy changed: {owner.__name__}.{name} is gone")
    setattr(owner, name, ours)
