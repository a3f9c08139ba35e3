"""What the gate knows of one flow on its way through: kept in the flow's metadata."""

from collections.abc import Callable
from dataclasses import dataclass, field

from mitmproxy import http

from edgeward import metrics
from edgeward.types import Decision, Reason, Target

_KEY = "edgeward"


@dataclass(slots=True)
class Passage:
    """One flow's way through the gate. It is decided once; the decision is counted once."""

    target: Target
    data_uris: bool = False
    """hashing.data_uris: HTML and CSS may hold images."""
    candidate: bool = False
    """The response's body may be an image: it must be judged."""
    codings: tuple[str, ...] = ()
    body_limit: int | None = None
    """Bytes of body that may be buffered. None: it is streamed, or has none."""
    too_large: Callable[[], http.Response] | None = None
    """Makes what the client gets when the body goes past body_limit. None: then it is delivered unchecked."""
    number: int = 0
    """Of its request among those under way; 0: it went nowhere."""
    noted: bool = False
    """What was learnt from it is on its way to the store."""
    unjudged: bool = False
    """What the upstream sent could not be judged, and it, or a cache behind it, may have stored an image."""
    instead: http.Response | None = None
    """What the client gets instead. Once it is set nothing of the upstream's body is kept."""
    decided: bool = field(default=False, init=False)

    def decide(self, decision: Decision, reason: Reason) -> None:
        """Count the verdict; a flow that was decided before keeps its first."""
        if not self.decided:
            self.decided = True
            metrics.responses.labels(decision.value, reason.value).inc()

    def deliver(self, reason: Reason) -> None:
        self.decide(Decision.DELIVER, reason)

    def overflowed(self) -> None:
        """The body went past body_limit."""
        self.body_limit = None
        if self.too_large is None:
            self.deliver(Reason.TOO_LARGE)
        else:
            self.refuse(self.too_large(), Reason.TOO_LARGE)

    def refuse(self, page: http.Response, reason: Reason) -> None:
        self.decide(Decision.BLOCK, reason)
        self.instead = page


def attach(flow: http.HTTPFlow, passage: Passage) -> None:
    flow.metadata[_KEY] = passage


def of(flow: http.HTTPFlow) -> Passage | None:
    """The flow's passage; None before the gate has seen the request."""
    passage: Passage | None = flow.metadata.get(_KEY)
    return passage
