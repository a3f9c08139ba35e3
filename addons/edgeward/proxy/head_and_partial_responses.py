"""Responses that hold no image, or only a part of one (HEAD, 204, 206, 304): judged by the image they stand for.

There is nothing to hash in them. But a 304 makes a client show its own copy, parts add up to the image, and HEAD tells
whether the image is there. So the verdict is that on the target's image: cached, or else fetched for this.

A cache behind us may also have stored more than it sent: Varnish and nginx fetch the whole for a HEAD and for any
range, and answer 412 or 416 from that. What is not known is fetched and judged after the response.
"""

import logging
import re
from dataclasses import replace

from mitmproxy import http

from edgeward.proxy.body_sniffing import declares_image
from edgeward.proxy.flow_state import FlowState
from edgeward.proxy.judge import Judge
from edgeward.proxy.refetch import FullResponse, Refetcher, RefetchFailed
from edgeward.proxy.target_cache import CachedTarget, TargetCache, Validators
from edgeward.proxy.verdict_actions import VerdictActions
from edgeward.types import Reason

logger = logging.getLogger(__name__)

FROM_STORED = frozenset((412, 416))
"""Statuses that a cache may derive from a full response which it has fetched for that."""
_COMPLETE_LENGTH = re.compile(r"\s*bytes\s+[^/]*/(\d{1,18})\s*", re.IGNORECASE)


class IncompleteResponses:
    """Decides responses without a full body; both methods leave the flow decided.

    Args:
        recheck_seconds: how long a cached image stands for a response without validators.
        in_front: a cache is behind the upstream.
    """

    def __init__(
        self,
        judge: Judge,
        actions: VerdictActions,
        refetcher: Refetcher,
        cache: TargetCache,
        recheck_seconds: float,
        in_front: bool,
    ) -> None:
        self._judge, self._actions, self._refetcher, self._cache = judge, actions, refetcher, cache
        self._recheck_seconds, self._in_front = recheck_seconds, in_front

    async def judge_without_body(self, flow: http.HTTPFlow, state: FlowState, response: http.Response) -> None:
        """HEAD, 204, 304. What is not cached is fetched for a 304, and for a HEAD that declares an image; for any other
        HEAD it is fetched after the response."""
        cached = self._cache.get(state.target)
        if cached is not None and self._stands_for(cached, response):
            await self._judge_cached(flow, state, cached, Reason.NO_BODY)
            # Without validators it may show another image by now, which a cache has stored for this response.
            if response.status_code != 204 and not cached.validators.match(Validators.of(response.headers)):
                state.unjudged |= self._in_front
            return
        declared = response.headers.get("content-type", "")
        if response.status_code == 304 or (flow.request.method == "HEAD" and declares_image(declared)):
            full = await self._refetch(flow, state)
            if full is None or state.decided:
                return
            # Without the full image nobody knows what the client's copy shows, or what a cache has fetched for a HEAD.
            state.unjudged |= self._in_front and full.status != 200
            if response.status_code == 304 and full.status != 200:
                state.unjudged = True
                self._actions.apply(flow, state, None, self._judge.policy_verdict(Reason.ERROR))
        else:
            self.judge_later(flow, state, response)
        state.deliver(Reason.NO_BODY)

    def judge_later(self, flow: http.HTTPFlow, state: FlowState, response: http.Response) -> None:
        """Have the target judged after a response to HEAD, 412 or 416, if a cache may have stored what is not known.

        Also after 1xx: mitmproxy takes it for the response, and the response that follows is lost.
        """
        status = response.status_code
        of_head = flow.request.method == "HEAD" and status not in (204, 304)
        if not self._in_front or not (of_head or status in FROM_STORED or status < 200):
            return
        is_empty = response.headers.get("content-length", "").strip() == "0"
        if of_head and is_empty and response.status_code not in FROM_STORED:
            return
        cached = self._cache.get(state.target)
        # Without validators, what the target showed a moment ago may be something else now.
        state.unjudged |= cached is None or not cached.validators.match(Validators.of(response.headers))

    async def judge_partial(self, flow: http.HTTPFlow, state: FlowState, response: http.Response) -> None:
        """206. If the full body is an image, it is sent in place of the part: a server may ignore Range (RFC 9110,
        14.2), and the bytes that were judged are the bytes that are sent."""
        cached = self._cache.get(state.target)
        if cached is not None and cached.validators.match(Validators.of(response.headers)):
            await self._judge_cached(flow, state, cached, Reason.NOT_IMAGE)
            response.stream = state.replacement is None
            return
        full = await self._refetch(flow, state)
        if full is None or state.decided:
            return
        # An upstream that sends parts, but not all at once: what they add up to can't be known.
        if full.status != 200:
            state.unjudged = True
            self._actions.apply(flow, state, None, self._judge.policy_verdict(Reason.ERROR))
            return
        state.deliver(Reason.NOT_IMAGE)
        response.stream = True

    def _stands_for(self, cached: CachedTarget, response: http.Response) -> bool:
        """Whether the cached image is that of this response. A 304 need not repeat the validators."""
        validators = Validators.of(response.headers)
        if validators.etag is None and validators.last_modified is None:
            return cached.age() < self._recheck_seconds
        return cached.validators.match(validators)

    async def _judge_cached(
        self, flow: http.HTTPFlow, state: FlowState, cached: CachedTarget, reason_if_no_image: Reason
    ) -> None:
        if cached.fingerprint is None:
            state.deliver(reason_if_no_image)
        elif not self._judge.ready:
            state.unjudged = True
            self._actions.apply(flow, state, None, self._judge.policy_verdict(Reason.NOT_READY))
        else:
            verdict = await self._judge.current_verdict(cached.fingerprint, state.target)
            # Seen again: a target that is only revalidated must not be forgotten while a cache holds it.
            response = flow.response
            assert response is not None
            state.target = replace(state.target, size=_complete_length(response) or cached.fingerprint.size)
            self._actions.record_sighting(flow, state, cached.fingerprint, verdict)
            self._actions.apply(flow, state, cached.fingerprint, verdict)

    async def _refetch(self, flow: http.HTTPFlow, state: FlowState) -> FullResponse | None:
        """Fetch the full response, and decide the flow if it is an image.

        None: it could not be taken in, and policy has decided.
        """
        try:
            full = await self._refetcher.fetch(flow.request)
        except RefetchFailed as error:
            logger.warning("a response can't be judged: its full version could not be fetched: %s", error)
            state.unjudged = True
            self._actions.apply(flow, state, None, self._judge.policy_verdict(error.reason))
            return None
        state.memory = full.memory
        fingerprint = None
        if full.body is not None:
            fingerprint, verdict = await self._judge.judge(
                full.body, full.codings, state.target, full.declared, state.source
            )
            state.unjudged = fingerprint is None
            if verdict.reason is Reason.NOT_IMAGE:
                fingerprint = None
            if fingerprint is not None:
                # Of the full body, not of the part: a cache that stores slices has all of them.
                state.target = replace(state.target, size=len(full.body))
                self._actions.record_sighting(flow, state, fingerprint, verdict)
            self._actions.apply(flow, state, fingerprint, verdict)
            assert flow.response is not None
            if flow.response.status_code == 206 and state.replacement is None:
                state.replacement = http.Response.make(full.status, full.body, full.end_to_end_headers)
                if fingerprint is not None:
                    self._actions.mark_served(state, state.replacement, fingerprint, verdict)
            self._actions.offer_to_classifiers(state, fingerprint, verdict, full.body, full.codings)
        # What was not judged is not "no image", and what an error page shows is not what the target shows.
        if full.status == 200 and not state.unjudged:
            self._cache.put(state.target, CachedTarget(fingerprint, Validators.of(full.headers)))
        return full


def _complete_length(response: http.Response) -> int:
    """The length of the full body in bytes, as Content-Range of a part tells (RFC 9110, 14.4); 0 if it does not."""
    found = _COMPLETE_LENGTH.fullmatch(response.headers.get("content-range", ""))
    return int(found[1]) if found else 0
