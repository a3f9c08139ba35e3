"""What the gate knows of one request and its response: attached to mitmproxy's flow, in its metadata."""

from collections.abc import Callable
from dataclasses import dataclass, field

from mitmproxy import http

from edgeward import metrics
from edgeward.background.fair_queue import ANY_SOURCE, Source
from edgeward.proxy.body_memory import Reservation
from edgeward.types import Decision, Reason, Target

_KEY = "edgeward"


@dataclass(slots=True)
class FlowState:
    """A flow is decided once, and its decision is counted once."""

    target: Target
    data_uris: bool = False
    """hashing.data_uris: HTML and CSS may hold images."""
    source: Source = ANY_SOURCE
    """The host asked for and the client's address, which take turns in queues."""
    is_scanned: bool = True
    """False: scanning is off at its URL, and nothing of the response is looked at."""
    may_be_image: bool = False
    """The body must be judged. Set by stream.py before `responseheaders` runs."""
    codings: tuple[str, ...] = ()
    """Content-Encoding, in the order applied."""
    body_limit: int | None = None
    """Bytes of body that may be buffered. None: it is streamed, or there is none."""
    unchecked_page: Callable[[Reason], http.Response | None] = lambda reason: None
    """Makes the response to a body that can't be buffered. None: it is delivered unchecked."""
    memory: Reservation | None = None
    """For the body."""
    request_number: int = 0
    """In UnjudgedRequests; 0: the request did not go upstream, or has ended."""
    answered: Callable[[], None] = lambda: None
    """Called as soon as headers of the response are here, before the client gets any."""
    recorded: bool = False
    """A sighting or purge order of it is on its way to the store."""
    unjudged: bool = False
    """The response could not be judged, but a cache may have stored an image."""
    is_stale: bool = False
    """The response was stale: the cache behind us may be fetching another in the background."""
    keeps_out_of_cache: bool = False
    """An image in this response must not be stored by the cache before us: no purge could name it."""
    replacement: http.Response | None = None
    """What the client gets instead of the upstream's response, whose body is then dropped."""
    decided: bool = field(default=False, init=False)

    def decide(self, decision: Decision, reason: Reason) -> None:
        """Count the verdict. Only the first one counts."""
        if not self.decided:
            self.decided = True
            metrics.responses.labels(decision.value, reason.value).inc()

    def fail(self, reason: Reason) -> None:
        """The client gets mitmproxy's error page: nothing was refused and nothing delivered. Counted as "error"."""
        if not self.decided:
            self.decided = True
            metrics.responses.labels("error", reason.value).inc()

    def deliver(self, reason: Reason) -> None:
        self.decide(Decision.DELIVER, reason)

    def refuse(self, page: http.Response, reason: Reason) -> None:
        """The client gets `page`."""
        self.decide(Decision.BLOCK, reason)
        self.replacement = page

    def give_up_body(self, reason: Reason) -> None:
        """The body can't be buffered, as it is too large or there is no memory: refuse it, or deliver it unchecked."""
        self.body_limit = None
        if (page := self.unchecked_page(reason)) is None:
            self.deliver(reason)
        else:
            self.refuse(page, reason)

    def free_memory(self) -> None:
        """Nothing holds the body any more."""
        if self.memory is not None:
            self.memory.release()
            self.memory = None


def attach(flow: http.HTTPFlow, state: FlowState) -> None:
    flow.metadata[_KEY] = state


def get(flow: http.HTTPFlow) -> FlowState | None:
    """None before the gate has seen the request."""
    state: FlowState | None = flow.metadata.get(_KEY)
    return state
