"""What follows from a verdict: the client's response, and what is recorded, purged, reported and classified."""

from collections.abc import Callable, Sequence

from mitmproxy import http

from edgeward import metrics
from edgeward.classifying.classifier_queue import ClassifierQueue
from edgeward.origin_check.served_reporter import ServedReporter
from edgeward.proxy import pages
from edgeward.proxy.flow_state import FlowState
from edgeward.proxy.recorder import Recorder
from edgeward.settings.cache_settings import tag_headers
from edgeward.settings.config import Config
from edgeward.types import Fingerprint, Reason, Sighting, Verdict, image_tag


class VerdictActions:
    """Carries verdicts out for one gate. Nothing here waits for the store.

    Args:
        retry_seconds: in how many seconds the image with this SHA-256 may be tried again; None: not known.
    """

    def __init__(
        self,
        config: Config,
        recorder: Recorder,
        served: ServedReporter | None = None,
        classifier_queues: Sequence[ClassifierQueue] = (),
        retry_seconds: Callable[[str], int | None] = lambda sha256: None,
    ) -> None:
        self._retry_seconds = retry_seconds
        self._blocked_by = config.policy.blocked_by
        self._recorder, self._served, self._classifier_queues = recorder, served, classifier_queues
        # In front of the cache, the response has left the cache already: a tag would reach clients only.
        self._tag_headers = tag_headers(config.caches) if config.proxy.placement == "fill" else ()

    def apply(self, flow: http.HTTPFlow, state: FlowState, fingerprint: Fingerprint | None, verdict: Verdict) -> None:
        """Refuse or deliver. A match is reported, and a blocking one is purged from every cache."""
        if verdict.blocks:
            state.refuse(self._block_page(flow.request, verdict, fingerprint), verdict.reason)
        else:
            state.deliver(verdict.reason)
        if verdict.match is not None and fingerprint is not None and verdict.reason is not Reason.ALLOWLISTED:
            self._recorder.report_incident(state.target, fingerprint.sha256, verdict)
            if verdict.blocks:
                state.recorded |= self._recorder.order_purge(state.target, fingerprint.sha256, verdict)

    def block_request(self, flow: http.HTTPFlow, state: FlowState, fingerprint: Fingerprint, verdict: Verdict) -> None:
        """Block before the upstream is asked. Its purge was ordered when the target was seen."""
        flow.response = self._block_page(flow.request, verdict, fingerprint)
        state.refuse(flow.response, verdict.reason)
        self._recorder.report_incident(state.target, fingerprint.sha256, verdict)

    def record_sighting(
        self, flow: http.HTTPFlow, state: FlowState, fingerprint: Fingerprint, verdict: Verdict
    ) -> None:
        """Blocked images too: the upstream, or a cache behind it, may have stored them."""
        sighting = Sighting(state.target, fingerprint, flow.timestamp_created, verdict.version)
        state.recorded |= self._recorder.record_sighting(sighting)

    def mark_served(
        self, state: FlowState, response: http.Response, fingerprint: Fingerprint, verdict: Verdict
    ) -> None:
        """Queue a delivered image for the origin check; in fill, tag it for the cache that stores it, and keep what no
        purge can name from being stored."""
        if verdict.blocks:
            return
        if state.keeps_out_of_cache:
            response.headers["Cache-Control"] = "no-store"
            metrics.vary_not_stored.inc()
        if self._served and response.status_code == 200:
            self._served.note(state.target, fingerprint.sha256)
        for name in self._tag_headers:
            response.headers[name] = _with_tag(name, response.headers.get(name), image_tag(fingerprint.sha256))

    def offer_to_classifiers(
        self, state: FlowState, fingerprint: Fingerprint | None, verdict: Verdict, body: bytes, codings: tuple[str, ...]
    ) -> None:
        """The operator's own models see delivered images that match no list, after the response."""
        if fingerprint is not None and verdict.reason is Reason.NO_MATCH:
            for queue in self._classifier_queues:
                queue.offer(state.target, fingerprint, body, codings)

    def _block_page(self, request: http.Request, verdict: Verdict, fingerprint: Fingerprint | None) -> http.Response:
        if verdict.match is not None and verdict.action is not None:
            return pages.block_page(request, verdict.action, self._blocked_by)
        seconds = self._retry_seconds(fingerprint.sha256) if fingerprint else None
        return pages.unchecked_page(request, verdict.reason, seconds or pages.RETRY_SECONDS)


def _with_tag(name: str, tags: str | None, tag: str) -> str:
    """Add to the origin's own tags: Cache-Tag and the like separate them by commas, other headers by spaces."""
    separator = "," if name.lower().endswith("-tag") else " "
    return f"{tags}{separator}{tag}" if tags else tag
