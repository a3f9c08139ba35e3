"""The gate: one mitmproxy addon that every response passes, and in which every path ends in a counted verdict.

mitmproxy fails open: it logs what a hook raises and sends the response unfiltered. So `_fails_closed` wraps each hook,
and turns whatever is raised into the operator's policy for errors, counted.

How a body goes: stream.py holds the headers until the first bytes tell whether it may be an image; `responseheaders`
then streams it or has it buffered; `response` judges what was buffered (judge.py) and applies the verdict
(verdict_actions.py). Responses without a full body go through head_and_partial_responses.py.
"""

import functools
import logging
from collections.abc import Awaitable, Callable, Sequence, Set
from dataclasses import replace
from weakref import WeakSet

from mitmproxy import http

from edgeward import metrics
from edgeward.background.fair_queue import Source
from edgeward.caches.squid import hides_variant
from edgeward.classifying.classifier_queue import ClassifierQueue
from edgeward.origin_check.served_reporter import ServedReporter
from edgeward.proxy import flow_state, pages
from edgeward.proxy.body_memory import UNKNOWN_BYTES, BodyMemory
from edgeward.proxy.flow_state import FlowState
from edgeward.proxy.head_and_partial_responses import IncompleteResponses
from edgeward.proxy.judge import Judge
from edgeward.proxy.key_headers import KeyHeaders
from edgeward.proxy.recorder import Recorder
from edgeward.proxy.refetch import Refetcher
from edgeward.proxy.request_host import (
    default_host,
    longest_target,
    reason_to_refuse,
    target_of_request,
    write_host,
)
from edgeward.proxy.stale_responses import is_stale
from edgeward.proxy.target_cache import CachedTarget, TargetCache, Validators, variant_of_response, vary_names
from edgeward.proxy.unjudged_requests import UnjudgedRequests
from edgeward.proxy.upstream_cache_log import UpstreamCacheLog
from edgeward.proxy.upstream_log import UpstreamLog
from edgeward.proxy.verdict_actions import VerdictActions
from edgeward.settings.config import Config
from edgeward.types import Decision, Fingerprint, Reason, Target

logger = logging.getLogger(__name__)

_NOT_BUFFERED = (Reason.TOO_LARGE, Reason.OVERLOADED)
"""Why a body is not buffered."""

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


def _unchecked_page(request: http.Request, blocked: Set[Reason], reason: Reason) -> http.Response | None:
    return pages.unchecked_page(request, reason) if reason in blocked else None


class EdgewardGate:
    """Judges every response. A plain mitmproxy addon; the name is prefixed since mitmproxy's are global.

    Args:
        served: gets what is delivered, for the origin check; None where that is off.
        memory: for bodies; None: a budget of its own.
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
        memory: BodyMemory | None = None,
    ) -> None:
        self.memory = memory or BodyMemory(config.proxy.body_memory_mb * 2**20, config.proxy.idle_seconds)
        self._config, self._judge, self._cache = config, judge, cache or TargetCache()
        self.unjudged_requests = unjudged_requests
        self._actions = VerdictActions(config, recorder, served, classifier_queues, judge.failed_images.retry_seconds)
        self._in_front = config.proxy.placement == "front"
        self._key_headers = KeyHeaders(config.caches)
        self._filled_caches = () if self._in_front else config.caches
        self._incomplete = IncompleteResponses(
            judge, self._actions, refetcher, self._cache, config.policy.recheck_seconds, self._in_front
        )
        self._methods = frozenset(config.policy.methods)
        self._longest_target, self._default_host = longest_target(config.caches), default_host(config.proxy)
        self._refused_headers = frozenset(name.lower() for name in config.policy.refused_headers)
        self.draining = False
        """The worker is about to end: clients are told to open another connection."""
        self._under_way: WeakSet[http.HTTPFlow] = WeakSet()
        self._upstream_log, self._upstream_cache_log = UpstreamLog(), UpstreamCacheLog(config)

    @property
    def under_way(self) -> int:
        """Requests whose response is not yet decided, or still streams."""
        return len(self._under_way)

    # The hooks, in the order in which mitmproxy calls them.

    @_fails_closed
    async def requestheaders(self, flow: http.HTTPFlow) -> None:
        self._under_way.add(flow)
        request = flow.request
        write_host(request, self._default_host, in_front=self._in_front)
        target = self._key_headers.keyed(target_of_request(request), request)
        variant = self._cache.variant(target, request.headers)
        source = Source(variant.host.lower(), flow.client_conn.peername[0])
        state = FlowState(variant, self._config.hashing.data_uris, source)
        flow_state.attach(flow, state)
        if refusal := self._reason_to_refuse(request):
            status, reason = refusal
            flow.response = pages.refusal_page(request, status)
            state.refuse(flow.response, reason)
        elif self._config.proxy.placement == "fill" and pages.is_doctor_request(request):
            state.deliver(Reason.NOT_IMAGE)
            flow.response = state.replacement = pages.doctor_object(request)
        elif target in self._judge.unscanned:
            state.is_scanned, request.stream = False, True
        elif request.method not in ("GET", "HEAD"):
            request.stream = True  # uploads are not checked, so they take no memory here
        elif not await self._block_if_known(flow, state):
            request.stream = True
            state.request_number = self.unjudged_requests.begin(request, source.client)
            state.answered = functools.partial(self.unjudged_requests.answer, state.request_number)

    @_fails_closed
    async def responseheaders(self, flow: http.HTTPFlow) -> None:
        state, response = flow_state.get(flow), flow.response
        if state is None or response is None or state.decided:
            return
        self._upstream_log.answered()
        self._upstream_cache_log.look(response.headers)
        if not state.is_scanned:
            response.stream = True
            state.deliver(Reason.NOT_SCANNED)
            self._close_if_draining(flow)
            return
        state.is_stale = self._in_front and is_stale(response.headers)
        names = vary_names(response.headers.get("vary"))
        if names != tuple(name for name, _ in state.target.vary):
            state.target = variant_of_response(state.target, names, flow.request.headers)
            if hides_variant(self._filled_caches, state.target):
                state.keeps_out_of_cache, state.target = True, replace(state.target, vary=())
            self.unjudged_requests.learn(state.target.host, names)
        if response.status_code == 101:
            state.deliver(Reason.UPGRADE)
        elif flow.request.method == "HEAD" or response.status_code in (204, 304):
            await self._incomplete.judge_without_body(flow, state, response)
        elif response.status_code == 206:
            await self._incomplete.judge_partial(flow, state, response)
        elif state.may_be_image:
            await self._buffer_body(flow, state, response)
        else:
            response.stream = True
            self._incomplete.judge_later(flow, state, response)
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
        await self._end_known(flow, state, response)
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
        state.free_memory()
        # Only in front is there a cache behind the upstream that may have stored the image all the same.
        reached_upstream = flow.server_conn.timestamp_tcp_setup is not None
        state.unjudged |= self._in_front and reached_upstream and not state.decided
        await self._end_known(flow, state, flow.response)
        if flow.error is not None and "client disconnected" not in flow.error.msg.lower():
            state.fail(Reason.UPSTREAM_ERROR)
            server = flow.server_conn
            if not reached_upstream or (server.tls and server.timestamp_tls_setup is None):
                self._upstream_log.failed(flow.error.msg)

    async def disconnected(self, flow: http.HTTPFlow) -> None:
        """The client's connection has ended. mitmproxy calls no other hook if it failed itself, as on trailers."""
        state = flow_state.get(flow)
        if state is not None and state.request_number:
            await self.error(flow)

    # Requests.

    def _reason_to_refuse(self, request: http.Request) -> tuple[int, Reason] | None:
        """The status and reason for refusing the request; None: it may pass.

        A cache may accept purges from this host's address, so clients must not be able to send them through us.
        """
        if request.method not in self._methods:
            return 405, Reason.METHOD_REFUSED
        if self._refused_headers & {name.lower() for name in request.headers}:
            return 403, Reason.HEADER_REFUSED
        return reason_to_refuse(request, self._longest_target)

    async def _block_if_known(self, flow: http.HTTPFlow, state: FlowState) -> bool:
        """Block without asking the upstream, if the target showed a listed image within recheck_seconds."""
        cached = self._cache.get(state.target)
        if cached is None or cached.fingerprint is None or cached.age() > self._config.policy.recheck_seconds:
            return False
        verdict = await self._judge.verdict(cached.fingerprint, state.target)
        if verdict.match is None or not verdict.blocks:
            return False
        self._actions.block_request(flow, state, cached.fingerprint, verdict)
        return True

    async def _end_known(self, flow: http.HTTPFlow, state: FlowState, response: http.Response | None) -> None:
        """End the request. What could not be judged is not fetched again if it is known by its validators."""
        if state.unjudged and response is not None and response.status_code == 200 and flow.request.method == "GET":
            state.unjudged = not await self._is_known(flow, state, Validators.of(response.headers))
        self._end_request(state)

    async def _is_known(self, flow: http.HTTPFlow, state: FlowState, validators: Validators) -> bool:
        """Whether what a cache may have stored is what the target showed before: no image, or one that is not listed,
        which is recorded as seen again."""
        cached = self._cache.get(state.target)
        if cached is None or not cached.validators.match(validators) or not self._judge.ready:
            return False
        if cached.fingerprint is None:
            return True
        verdict = await self._judge.verdict(cached.fingerprint, state.target)
        if verdict.blocks:
            return False
        state.target = replace(state.target, size=cached.fingerprint.size)
        self._actions.record_sighting(flow, state, cached.fingerprint, verdict)
        return True

    def _end_request(self, state: FlowState) -> None:
        """The request is no longer under way. If its response was not judged, or was stale, it is fetched again."""
        number, state.request_number = state.request_number, 0
        if state.unjudged:
            self.unjudged_requests.retry(number)
        elif state.is_stale:
            self.unjudged_requests.retry_stale(number, state.recorded)
        else:
            self.unjudged_requests.end(number, state.recorded)

    # Responses.

    async def _buffer_body(self, flow: http.HTTPFlow, state: FlowState, response: http.Response) -> None:
        """Get memory for the body, and set the limit up to which it is buffered, and what happens beyond it."""
        state.body_limit = self._config.hashing.max_bytes
        blocked = {reason for reason in _NOT_BUFFERED if self._judge.policy_verdict(reason).blocks}
        state.unchecked_page = functools.partial(_unchecked_page, flow.request, blocked)
        length = response.headers.get("content-length", "")
        size = int(length) if length.isdigit() else UNKNOWN_BYTES
        if size > state.body_limit and length:
            state.give_up_body(Reason.TOO_LARGE)
        else:
            state.memory = await self.memory.reserve(size, state.source)
            if state.memory is None:
                state.unjudged = True
                state.give_up_body(Reason.OVERLOADED)
        response.stream = state.decided and state.replacement is None

    async def _judge_body(self, flow: http.HTTPFlow, state: FlowState, response: http.Response) -> None:
        body = response.raw_content
        if body is None:
            raise RuntimeError("a body was streamed past the gate")
        declared = response.headers.get("content-type", "")
        fingerprint, verdict = await self._judge.judge(body, state.codings, state.target, declared, state.source)
        state.unjudged = fingerprint is None
        if verdict.reason is Reason.NOT_IMAGE:
            self._cache_result(flow, state, response, None)
        elif fingerprint is not None:
            state.target = replace(state.target, size=len(body))
            self._cache_result(flow, state, response, fingerprint)
            if flow.request.method == "GET" or _is_explicitly_fresh(response):
                self._actions.record_sighting(flow, state, fingerprint, verdict)
            if flow.request.method == "GET":
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


def _is_explicitly_fresh(response: http.Response) -> bool:
    """Whether a cache may store the response to another method than GET (RFC 9110, 9.3.3)."""
    return "expires" in response.headers or "max" in response.headers.get("cache-control", "").lower()
