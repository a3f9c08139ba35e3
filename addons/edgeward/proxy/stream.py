"""mitmproxy's HTTP stream, with three things that the gate needs.

- It reads the first bytes of a body before `responseheaders` runs: so the gate knows an image under a wrong or missing
  Content-Type in time, and can stream everything else.
- It limits what is buffered to be judged, also of a chunked body.
- Once a response is refused, it drops the upstream's body: mitmproxy would send it under our own headers.

Built on private parts of mitmproxy (`HttpStream`), which is why pyproject pins its minor version;
tests/proxy/test_stream.py tests what we rely on.
"""

from collections.abc import Callable
from typing import Any, Self

from mitmproxy import http
from mitmproxy.proxy import events, layer
from mitmproxy.proxy.context import Context
from mitmproxy.proxy.layers import TCPLayer
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

from edgeward.hashing import content_codings
from edgeward.proxy import flow_state, http1_limits, pages
from edgeward.proxy.body_sniffing import BodySniffer
from edgeward.types import Reason

type Commands = layer.CommandGenerator[None]


class _BodyBuffer(ReceiveBuffer):
    """A body in one piece of memory. mitmproxy keeps a list of its chunks, which leave the heap fragmented."""

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
    """Until the first bytes of the body, in `_sniffer`, tell whether it may be an image."""
    _sniffer: BodySniffer

    def __init__(self, context: Context, stream_id: int) -> None:
        super().__init__(context, stream_id)
        self.response_body_buf = _BodyBuffer()

    def state_wait_for_response_headers(self, event: ResponseHeaders) -> Commands:
        """Hold the headers: the body's first bytes decide how the gate takes them."""
        state = flow_state.get(self.flow)
        if state is not None:
            state.answered()
        if state is None or event.end_stream or not state.is_scanned:  # no body to sniff
            yield from super().state_wait_for_response_headers(event)
            return
        self._held_headers = event
        headers = event.response.headers
        state.codings = content_codings.parse(headers.get("content-encoding"))
        self._sniffer = BodySniffer(state.codings, headers.get("content-type", ""), state.data_uris)
        self.server_state = self.state_peek
        yield from self._peek(state, None)

    def state_peek(self, event: events.Event) -> Commands:
        """Hold the first bytes of the body until they tell whether it may be an image."""
        state = flow_state.get(self.flow)
        assert state is not None
        yield from self._peek(state, event)

    def _peek(self, state: flow_state.FlowState, event: events.Event | None) -> Commands:
        assert self._held_headers is not None
        ended = isinstance(event, ResponseEndOfMessage | ResponseTrailers)
        found = self._sniffer.may_be_image(event.data if isinstance(event, ResponseData) else b"", ended)
        if found is None:
            return
        state.may_be_image = found
        yield from super().state_wait_for_response_headers(self._held_headers)
        yield from self._replay(state, event if ended else None)

    def _replay(self, state: flow_state.FlowState, end: events.Event | None) -> Commands:
        """Pass the held bytes on, as if they had just arrived."""
        held = self._sniffer.take()
        if state.replacement is not None:
            yield from self._refuse_now()
        # In any other state the hook has ended the stream, and the bytes have nowhere to go.
        elif self.server_state in (self.state_consume_response_body, self.state_stream_response_body):
            if held:
                yield from self.server_state(ResponseData(self.stream_id, held))
            if end is not None:
                yield from self.server_state(end)

    def state_consume_response_body(self, event: events.Event) -> Commands:
        """Buffer a body that is to be judged, up to its limit and within its memory."""
        state = flow_state.get(self.flow)
        data = event.data if isinstance(event, ResponseData) else b""
        received = len(self.response_body_buf) + len(data)
        if state is None:
            yield from super().state_consume_response_body(event)
        elif state.body_limit is None and data:
            yield from self._stream_or_refuse(data)  # decided, whatever the body is: nothing is to be buffered
        elif state.body_limit is not None and received > state.body_limit:
            state.give_up_body(Reason.TOO_LARGE)
            yield from self._stream_or_refuse(data)
        elif state.memory is not None and state.memory.refused:
            state.unjudged = True
            state.give_up_body(Reason.OVERLOADED)
            yield from self._stream_or_refuse(data)
        else:
            if state.memory is not None and data:
                state.memory.grow(received)
            elif state.memory is not None:
                state.memory.arrived(received)
            yield from super().state_consume_response_body(event)

    def _stream_or_refuse(self, data: bytes) -> Commands:
        """Send the refusal, or stream what is buffered, then `data` and all that follows."""
        state = flow_state.get(self.flow)
        assert state is not None
        buffered = bytes(self.response_body_buf) + data
        self.response_body_buf.clear()
        if state.replacement is not None:
            yield from self._refuse_now()
            return
        assert self.flow.response is not None
        # mitmproxy itself starts to stream only after the headers.
        self.flow.response.stream = True
        yield from self.start_response_stream()
        yield from self.state_stream_response_body(ResponseData(self.stream_id, buffered))
        if state.memory is not None:
            state.memory.sent()

    def flow_done(self) -> Commands:
        """After a 101, pass the bytes of both sides on. mitmproxy would keep every message, and parts of one without
        bound."""
        assert self.flow.response is not None
        if self.flow.response.status_code != 101:
            yield from super().flow_done()
            return
        self.child_layer = TCPLayer(self.context, ignore=True)
        self._handle_event = self.passthrough
        yield from self.child_layer.handle_event(events.Start())
        # Last: from here on bytes may come.
        yield SendHttp(ResponseEndOfMessage(self.stream_id), self.context.client)

    def send_response(self, already_streamed: bool = False) -> Commands:
        """Free the body once it is sent: the stream is in a reference cycle, and would keep it until the garbage
        collector's next full run."""
        yield from super().send_response(already_streamed)
        self.response_body_buf.clear()
        if self.flow.response is not None:
            self.flow.response.data.content = None
        state = flow_state.get(self.flow)
        if state is not None and state.memory is not None:
            state.memory.sent()
            state.memory = None

    def _refuse_now(self) -> Commands:
        """Send the refusal, and close the upstream connection instead of reading the rest of the body."""
        error = RequestProtocolError(self.stream_id, "response refused", ErrorCode.RESPONSE_TOO_LARGE)
        yield SendHttp(error, self.context.server)
        yield from self.send_response()

    def state_done(self, event: events.Event) -> Commands:
        """Drop what the upstream had sent before its connection was closed."""
        state = flow_state.get(self.flow)
        if state is None or state.replacement is None:
            yield from super().state_done(event)

    def state_consume_request_body(self, event: events.Event) -> Commands:
        """Drop the body of a refused request."""
        state = flow_state.get(self.flow)
        if isinstance(event, RequestData) and state is not None and state.replacement is not None:
            return
        yield from super().state_consume_request_body(event)


def install() -> None:
    """Make every HTTP stream of this process a GateStream, and use our error pages."""
    http_layer.HttpStream = GateStream  # type: ignore[misc]
    # It checks the types of each message at run time, which takes an eighth of a request's time. mypy checks ours.
    _replace(http.MessageData, "__post_init__", lambda self: None)
    _replace(_http1, "make_error_response", pages.error_bytes)
    _replace(_http1, "make_body_reader", http1_limits.make_body_reader)
    _replace(http_layer, "Http1Server", http1_limits.LimitedServer)
    _replace(http_layer, "Http1Client", http1_limits.LimitedClient)
    _replace(_http2, "format_error", pages.error_body)


def _replace(owner: Any, name: str, ours: Callable[..., Any]) -> None:
    """Fails at start, not at the first request, if a new mitmproxy no longer has what is replaced here."""
    if not hasattr(owner, name):
        raise RuntimeError(f"mitmproxy changed: {owner.__name__}.{name} is gone")
    setattr(owner, name, ours)
