"""The gate: one mitmproxy addon that every response passes, and in which every path ends in a counted verdict.

mitmproxy fails open: it logs what a hook raises and sends the response unfiltered. So `_fails_closed` wraps each hook,
and turns whatever is raised into the operator's policy for errors, counted.

How a body goes: stream.py holds the headers until the first bytes tell whether it may be an image; `responseheaders`
then streams it or has it buffered; `response` judges what was buffered (judge.py) and applies the verdict
(verdict_actions.py). Responses without a full body go through incomplete_responses.py.
"""

import functools
import logging
from collections.abc import Awaitable, Callable, Sequence
from weakref import WeakSet

from mitmproxy import http

from edgeward import metrics
from edgeward.classifying.classifier_queue import ClassifierQueue
from edgeward.origin_check.served_reporter import ServedReporter
from edgeward.proxy import flow_state, pages
from edgeward.proxy.flow_state import FlowState
from edgeward.proxy.head_and_partial_responses import IncompleteResponses
from edgeward.proxy.judge import Judge
from edgeward.proxy.recorder import Recorder
from edgeward.proxy.refetch import Refetcher
from edgeward.proxy.target_cache import CachedTarget, TargetCache, Validators, vary_names, with_vary
from edgeward.proxy.unjudged_requests import UnjudgedRequests
from edgeward.proxy.verdict_actions import VerdictActions
from edgeward.settings.config import Config
from edgeward.types import Decision, Fingerprint, Reason, Target

logger = logging.getLogger(__name__)

type Hook = Callable[["EdgewardGate", http.HTTPFlow], Awaitable[None]]


def _fails_closed(hook: Hook) -> Hook:
    """Whatever the hook raises becomes a decision by policy."""

    @functools.wraps(hook)
    async def guarded(self: "EdgewardGate", flow: http.HTTPFlow) -> None:
        try:
            await hook(self, flow)
        except BaseException as error:  # also a cancellation: mitmproxy would leave the client without an answer
            metrics.gate_errors.labels(hook.__name__).inc()
            logger.error("the gate failed in %s", hook.__name__, exc_info=error)
            self._decide_by_error_policy(flow)

    return guarded


class EdgewardGate:
    """Judges every response. A plain mitmproxy addon; the name is prefixed since mitmproxy's are global.

    Args:
        served: gets what is delivered, for the origin check; None where that is off.
    """

    def __init__(
        self,
        config: Config,
        judge: Judge,
        recorder: Recorder,
        refetcher: Refetcher,
        unjudged_requests: UnjudgedRequests,
        cache: TargetCache | None = None,
        served: ServedReporter | None = None,
        classifier_queues: Sequence[ClassifierQueue] = (),
    ) -> None:
        self._config, self._judge, self._cache = config, judge, cache or TargetCache()
        self.unjudged_requests = unjudged_requests
        self._actions = VerdictActions(config, recorder, served, classifier_queues)
        self._incomplete = IncompleteResponses(
            judge, self._actions, refetcher, self._cache, config.policy.recheck_seconds
        )
        self._methods = frozenset(config.policy.methods)
        self._refused_headers = frozenset(name.lower() for name in config.policy.refused_headers)
        self.draining = False
        """The worker is about to end: clients are told to open another connection."""
        self._under_way: WeakSet[http.HTTPFlow] = WeakSet()

    @property
    def under_way(self) -> int:
        """Requests whose response is not yet decided, or still streams."""
        return len(self._under_way)

    # The hooks, in the order in which mitmproxy calls them.

    @_fails_closed
    async def requestheaders(self, flow: http.HTTPFlow) -> None:
        self._under_way.add(flow)
        request = flow.request
        target = Target(request.scheme, request.host_header or "", request.data.path.decode("latin-1"))
        state = FlowState(self._cache.variant(target, request.headers), self._config.hashing.data_uris)
        flow_state.attach(flow, state)
        if refusal := self._reason_to_refuse(request):
            status, reason = refusal
            flow.response = pages.refusal_page(request, status)
            state.refuse(flow.response, reason)
        elif self._config.proxy.placement == "fill" and pages.is_doctor_request(request):
            state.deliver(Reason.NOT_IMAGE)
            flow.response = state.replacement = pages.doctor_object(request)
        elif request.method not in ("GET", "HEAD"):
            request.stream = True  # uploads are not checked, so they take no memory here
        elif not await self._block_if_known(flow, state):
            request.stream = True
            state.request_number = self.unjudged_requests.begin(request)

    @_fails_closed
    async def responseheaders(self, flow: http.HTTPFlow) -> None:
        state, response = flow_state.get(flow), flow.response
        if state is None or response is None or state.decided:
            return
        names = vary_names(response.headers.get("vary"))
        if names != tuple(name for name, _ in state.target.vary):
            state.target = with_vary(state.target, names, flow.request.headers)
        if response.status_code == 101:
            state.deliver(Reason.UPGRADE)
        elif flow.request.method == "HEAD" or response.status_code in (204, 304):
            await self._incomplete.judge_without_body(flow, state, response)
        elif response.status_code == 206:
            await self._incomplete.judge_partial(flow, state, response)
        elif state.may_be_image:
            self._buffer_body(flow, state, response)
        else:
            response.stream = True
            self._cache_result(flow, state, response, None)
            state.deliver(Reason.NOT_IMAGE)
        self._close_if_draining(flow)

    @_fails_closed
    async def response(self, flow: http.HTTPFlow) -> None:
        state, response = flow_state.get(flow), flow.response
        if state is None or response is None:
            raise RuntimeError("a response whose request the gate has not seen")
        try:
            if not state.decided:
                await self._judge_body(flow, state, response)
        finally:
            self._under_way.discard(flow)
        self._end_request(state)
        if state.replacement is not None:
            flow.response = state.replacement
        self._close_if_draining(flow)

    @_fails_closed
    async def error(self, flow: http.HTTPFlow) -> None:
        """The upstream or the client broke off. mitmproxy sends our error page if the client is still there."""
        self._under_way.discard(flow)
        state = flow_state.get(flow)
        if state is None:
            return
        # Only in front is there a cache behind the upstream that may have stored the image all the same.
        reached_upstream = flow.server_conn.timestamp_tcp_setup is not None
        state.unjudged = self._config.proxy.placement == "front" and reached_upstream and not state.decided
        self._end_request(state)
        if flow.error is not None and "client disconnected" not in flow.error.msg.lower():
            state.decide(Decision.BLOCK, Reason.UPSTREAM_ERROR)

    async def websocket_message(self, flow: http.HTTPFlow) -> None:
        """Drop the messages: mitmproxy keeps them all for as long as the connection lives."""
        if flow.websocket is not None:
            flow.websocket.messages.clear()

    # Requests.

    def _reason_to_refuse(self, request: http.Request) -> tuple[int, Reason] | None:
        """The status and reason for refusing the request; None: it may pass.

        A cache may accept purges from this host's address, so clients must not be able to send them through us.
        """
        if request.method not in self._methods:
            return 405, Reason.METHOD_REFUSED
        if self._refused_headers & {name.lower() for name in request.headers}:
            return 403, Reason.HEADER_REFUSED
        hosts = request.headers.get_all("host")
        # Two hosts: the cache could take the other one, and store under it what was judged for this one.
        if len(hosts) > 1 or (request.authority and hosts and request.authority != hosts[0]):
            return 400, Reason.BAD_REQUEST
        return None

    async def _block_if_known(self, flow: http.HTTPFlow, state: FlowState) -> bool:
        """Block without asking the upstream, if the target showed a listed image within recheck_seconds."""
        cached = self._cache.get(state.target)
        if cached is None or cached.fingerprint is None or cached.age() > self._config.policy.recheck_seconds:
            return False
        verdict = await self._judge.verdict(cached.fingerprint)
        if verdict.match is None or not verdict.blocks:
            return False
        self._actions.block_request(flow, state, cached.fingerprint, verdict)
        return True

    def _end_request(self, state: FlowState) -> None:
        """The request is no longer under way. If its response could not be judged, it is fetched again."""
        number, state.request_number = state.request_number, 0
        if state.unjudged:
            self.unjudged_requests.retry(number)
        else:
            self.unjudged_requests.end(number, state.recorded)

    # Responses.

    def _buffer_body(self, flow: http.HTTPFlow, state: FlowState, response: http.Response) -> None:
        """Set the limit up to which the body is buffered to be judged, and what happens beyond it."""
        state.body_limit = self._config.hashing.max_bytes
        if self._judge.policy_verdict(Reason.TOO_LARGE).blocks:
            state.too_large_page = functools.partial(pages.refusal_page, flow.request, 503)
        length = response.headers.get("content-length", "")
        if length.isdigit() and int(length) > state.body_limit:
            state.exceed_body_limit()
            response.stream = state.replacement is None

    async def _judge_body(self, flow: http.HTTPFlow, state: FlowState, response: http.Response) -> None:
        body = response.raw_content
        if body is None:
            raise RuntimeError("a body was streamed past the gate")
        fingerprint, verdict = await self._judge.judge(body, state.codings, response.headers.get("content-type", ""))
        state.unjudged = fingerprint is None
        if verdict.reason is Reason.NOT_IMAGE:
            self._cache_result(flow, state, response, None)
        elif fingerprint is not None:
            target = state.target
            state.target = Target(target.scheme, target.host, target.path, target.vary, len(body))
            self._cache_result(flow, state, response, fingerprint)
            if flow.request.method == "GET":  # caches store no others
                self._actions.record_sighting(flow, state, fingerprint, verdict)
                self._actions.mark_served(state, response, fingerprint, verdict)
        self._actions.apply(flow, state, fingerprint, verdict)
        self._actions.offer_to_classifiers(state, fingerprint, verdict, body, state.codings)

    def _cache_result(
        self, flow: http.HTTPFlow, state: FlowState, response: http.Response, fingerprint: Fingerprint | None
    ) -> None:
        if flow.request.method == "GET" and response.status_code == 200:
            self._cache.put(state.target, CachedTarget(fingerprint, Validators.of(response.headers)))

    def _close_if_draining(self, flow: http.HTTPFlow) -> None:
        if self.draining and flow.response is not None:
            flow.response.headers["connection"] = "close"

    def _decide_by_error_policy(self, flow: http.HTTPFlow) -> None:
        """The policy for defects of the gate. Must not raise, so it relies on as little as possible."""
        state = flow_state.get(flow)
        if state is None:
            state = FlowState(Target("", "", ""))
            flow_state.attach(flow, state)
        state.unjudged = True
        self._end_request(state)
        # A response that was refused before the defect stays refused.
        delivers = self._config.policy.error == "deliver" and state.replacement is None
        state.decide(Decision.DELIVER if delivers else Decision.BLOCK, Reason.ERROR)
        if not delivers:
            state.replacement = state.replacement or pages.refusal_page(flow.request, 503)
            flow.response = state.replacement
