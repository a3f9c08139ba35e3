"""The gate: one mitmproxy addon through which every response passes, and in which every path ends in a verdict.

mitmproxy fails open: what a hook raises is logged, and the response goes out unfiltered. So each hook is wrapped in
`_decides`, which turns whatever is raised into the operator's policy for errors, counted.
"""

import functools
import logging
from collections.abc import Awaitable, Callable, Sequence
from weakref import WeakSet

from mitmproxy import http

from edgeward import metrics
from edgeward.cache_settings import tag_headers
from edgeward.classifying.desk import Desk
from edgeward.config import Config
from edgeward.proxy import pages, passage
from edgeward.proxy.candidate import declares_image
from edgeward.proxy.judge import Judge
from edgeward.proxy.loose_ends import LooseEnds
from edgeward.proxy.memory import Memory, TargetMemory, Validators, vary_names, with_vary
from edgeward.proxy.passage import Passage
from edgeward.proxy.refetch import Refetcher, RefetchFailed, Whole
from edgeward.takedown.recorder import Recorder
from edgeward.takedown.sweep.reporter import ServedReporter
from edgeward.types import Decision, Fingerprint, Reason, Sighting, Target, Verdict, image_tag

logger = logging.getLogger(__name__)

_HOP_BY_HOP = frozenset(
    (b"connection", b"keep-alive", b"te", b"trailer", b"transfer-encoding", b"upgrade", b"content-length")
)
type Hook = Callable[["EdgewardGate", http.HTTPFlow], Awaitable[None]]


def _decides(hook: Hook) -> Hook:
    """Nothing that a hook raises lets a response through unjudged."""

    @functools.wraps(hook)
    async def guarded(self: "EdgewardGate", flow: http.HTTPFlow) -> None:
        try:
            await hook(self, flow)
        except BaseException as error:  # also a cancellation: mitmproxy would hang the client or deliver
            metrics.gate_errors.labels(hook.__name__).inc()
            logger.error("the gate failed in %s", hook.__name__, exc_info=error)
            self._fail(flow)

    return guarded


class EdgewardGate:
    """Judges every response. Plain mitmproxy addon; the name is prefixed since mitmproxy's are global."""

    def __init__(
        self,
        config: Config,
        judge: Judge,
        recorder: Recorder,
        refetcher: Refetcher,
        loose: LooseEnds,
        memory: TargetMemory | None = None,
        served: ServedReporter | None = None,
        desks: Sequence[Desk] = (),
    ) -> None:
        self._config, self._judge, self._recorder, self._refetcher = config, judge, recorder, refetcher
        self._loose, self._memory = loose, memory or TargetMemory()
        self._served, self._desks = served, desks
        self._tag_headers = tag_headers(config.caches) if config.proxy.placement == "fill" else ()
        self._methods = frozenset(config.policy.methods)
        self._refused_headers = frozenset(name.lower() for name in config.policy.refused_headers)
        self.draining = False
        self._under_way: WeakSet[http.HTTPFlow] = WeakSet()

    @property
    def under_way(self) -> int:
        """Requests whose response is not yet decided, or still streams."""
        return len(self._under_way)

    # The hooks, in the order in which mitmproxy calls them.

    @_decides
    async def requestheaders(self, flow: http.HTTPFlow) -> None:
        self._under_way.add(flow)
        request = flow.request
        base = Target(request.scheme, request.host_header or "", request.data.path.decode("latin-1"))
        way = Passage(self._memory.variant(base, request.headers), self._config.hashing.data_uris)
        passage.attach(flow, way)
        status, reason = self._refusable(request)
        if status:
            self._refuse(flow, way, pages.refusal(request, status), reason)
        elif self._config.proxy.placement == "fill" and pages.is_doctors(request):
            way.deliver(Reason.NOT_IMAGE)
            flow.response = way.instead = pages.doctors_object(request)
        elif request.method in ("GET", "HEAD") and await self._known_listed(flow, way):
            pass
        else:
            request.stream = True  # uploads are none of our business and need no memory of ours
            if request.method in ("GET", "HEAD"):
                way.number = self._loose.begin(request)

    @_decides
    async def responseheaders(self, flow: http.HTTPFlow) -> None:
        way, response = passage.of(flow), flow.response
        if way is None or response is None or way.decided:
            return
        way.target = self._exact_target(flow, way.target)
        if response.status_code == 101:
            way.deliver(Reason.UPGRADE)
        elif flow.request.method == "HEAD" or response.status_code in (204, 304):
            await self._bodiless(flow, way, response)
        elif response.status_code == 206:
            await self._partial(flow, way, response)
        else:
            self._admit(flow, way, response)
        self._say_goodbye(flow)

    @_decides
    async def response(self, flow: http.HTTPFlow) -> None:
        way, response = passage.of(flow), flow.response
        if way is None or response is None:
            raise RuntimeError("a response without a request that the gate has seen")
        try:
            if not way.decided:
                await self._judge_body(flow, way, response)
        finally:
            self._under_way.discard(flow)
        self._let_go(way)
        if way.instead is not None:
            flow.response = way.instead
        self._say_goodbye(flow)

    @_decides
    async def error(self, flow: http.HTTPFlow) -> None:
        """The upstream or the client broke off. mitmproxy answers with our error page, if anybody is left."""
        self._under_way.discard(flow)
        way = passage.of(flow)
        if way is None:
            return
        # In fill it is the cache that did not get what it would have stored.
        asked = self._config.proxy.placement == "front" and flow.server_conn.timestamp_tcp_setup is not None
        way.unjudged = asked and not way.decided
        self._let_go(way)
        if flow.error is not None and "client disconnected" not in flow.error.msg.lower():
            way.decide(Decision.BLOCK, Reason.UPSTREAM_ERROR)

    def _let_go(self, way: Passage) -> None:
        """The request is no longer under way. What could not be judged is looked at again."""
        number, way.number = way.number, 0
        if way.unjudged:
            self._loose.again(number)
        else:
            self._loose.end(number, way.noted)

    async def websocket_message(self, flow: http.HTTPFlow) -> None:
        """mitmproxy keeps every message for as long as the connection lives: nobody here reads them."""
        if flow.websocket is not None:
            flow.websocket.messages.clear()

    def _say_goodbye(self, flow: http.HTTPFlow) -> None:
        """While the worker drains, clients are told not to send another request on this connection."""
        if self.draining and flow.response is not None:
            flow.response.headers["connection"] = "close"

    # Requests.

    def _refusable(self, request: http.Request) -> tuple[int, Reason]:
        """The status and reason for refusing the request, or (0, ...).

        The cache may let this host purge (an ACL by address), so no client may ask it to through us.
        """
        if request.method not in self._methods:
            return 405, Reason.METHOD_REFUSED
        names = {name.lower() for name in request.headers}
        if names & self._refused_headers:
            return 403, Reason.HEADER_REFUSED
        hosts = request.headers.get_all("host")
        if len(hosts) > 1 or (request.authority and hosts and request.authority != hosts[0]):
            return 400, Reason.BAD_REQUEST
        return 0, Reason.BAD_REQUEST

    async def _known_listed(self, flow: http.HTTPFlow, way: Passage) -> bool:
        """Refuse without the upstream what this target was just seen to hold, if the lists of this moment block it."""
        known = self._memory.get(way.target)
        if known is None or known.fingerprint is None or known.age() > self._config.policy.recheck_seconds:
            return False
        await self._judge.settle(known.fingerprint)
        verdict = self._judge.verdict(known.fingerprint)
        if verdict.match is None or not verdict.blocks:
            return False
        self._refuse(flow, way, self._page(flow.request, verdict), verdict.reason)
        self._recorder.incident(way.target, known.fingerprint.sha256, verdict)
        return True

    # Responses.

    def _exact_target(self, flow: http.HTTPFlow, target: Target) -> Target:
        assert flow.response is not None
        names = vary_names(flow.response.headers.get("vary"))
        if names == tuple(name for name, _ in target.vary):
            return target
        return with_vary(target, names, flow.request.headers)

    def _admit(self, flow: http.HTTPFlow, way: Passage, response: http.Response) -> None:
        """Stream what is no image; have what may be one buffered, within its bound."""
        if not way.candidate:
            response.stream = True
            self._remember(flow, way, None)
            way.deliver(Reason.NOT_IMAGE)
            return
        way.body_limit = self._config.hashing.max_bytes
        if self._judge.unchecked(Reason.TOO_LARGE).blocks:
            way.too_large = functools.partial(pages.refusal, flow.request, 503)
        length = response.headers.get("content-length", "")
        if length.isdigit() and int(length) > way.body_limit:
            way.overflowed()
            response.stream = way.instead is None

    async def _judge_body(self, flow: http.HTTPFlow, way: Passage, response: http.Response) -> None:
        body = response.raw_content
        if body is None:
            raise RuntimeError("a body was streamed past the gate")
        fingerprint, verdict = await self._judge.judge(body, way.codings, response.headers.get("content-type", ""))
        way.unjudged = fingerprint is None
        if verdict.reason is Reason.NOT_IMAGE:
            self._remember(flow, way, None)
        elif fingerprint is not None:
            way.target = Target(way.target.scheme, way.target.host, way.target.path, way.target.vary, len(body))
            self._remember(flow, way, fingerprint)
            if flow.request.method == "GET":  # caches store no others
                self._note(flow, way, fingerprint, verdict)
                self._note_served(way, response, fingerprint, verdict)
        self._conclude(flow, way, fingerprint, verdict)
        self._offer(way, fingerprint, verdict, body, way.codings)

    def _offer(
        self, way: Passage, fingerprint: Fingerprint | None, verdict: Verdict, body: bytes, codings: tuple[str, ...]
    ) -> None:
        """What no list knows is delivered, and an operator's own models may look at it afterwards."""
        if fingerprint is not None and verdict.reason is Reason.NO_MATCH:
            for desk in self._desks:
                desk.offer(way.target, fingerprint, body, codings)

    def _note(self, flow: http.HTTPFlow, way: Passage, fingerprint: Fingerprint, verdict: Verdict) -> None:
        way.noted |= self._recorder.note(Sighting(way.target, fingerprint, flow.timestamp_created, verdict.version))

    def _note_served(self, way: Passage, response: http.Response, fingerprint: Fingerprint, verdict: Verdict) -> None:
        """What is delivered is looked at by the sweep, and in fill stored under the image's tag."""
        if verdict.blocks:
            return
        if self._served and response.status_code == 200:
            self._served.note(way.target, fingerprint.sha256)
        for name in self._tag_headers:
            response.headers[name] = _joined(name, response.headers.get(name), image_tag(fingerprint.sha256))

    async def _bodiless(self, flow: http.HTTPFlow, way: Passage, response: http.Response) -> None:
        """HEAD, 204, 304: nothing to hash, so the target's image is judged; a 304's is fetched when it isn't known."""
        await self._judge.be_current()
        known = self._memory.get(way.target)
        if known is not None and self._is_current(known, response):
            await self._conclude_known(flow, way, known, Reason.NO_BODY)
        elif response.status_code == 304 or (flow.request.method == "HEAD" and self._declares_image(response)):
            whole = await self._refetch(flow, way)
            if whole is None or way.decided:
                return
            if response.status_code == 304 and whole.status != 200:  # what does the client's copy show?
                self._conclude(flow, way, None, self._judge.unchecked(Reason.ERROR))
            way.deliver(Reason.NO_BODY)
        else:
            way.deliver(Reason.NO_BODY)

    async def _partial(self, flow: http.HTTPFlow, way: Passage, response: http.Response) -> None:
        """206: a part can't be hashed. The whole is fetched and, if an image, sent (a server may ignore Range)."""
        await self._judge.be_current()
        known = self._memory.get(way.target)
        if known is not None and known.validators.same(Validators.of(response.headers)):
            await self._conclude_known(flow, way, known, Reason.NOT_IMAGE)
            response.stream = way.instead is None
            return
        whole = await self._refetch(flow, way)
        if whole is None or way.decided:
            return
        if whole.status != 200:  # an upstream that has parts but no whole: what would the parts add up to?
            self._conclude(flow, way, None, self._judge.unchecked(Reason.ERROR))
            return
        way.deliver(Reason.NOT_IMAGE)
        response.stream = True

    def _is_current(self, known: Memory, response: http.Response) -> bool:
        """The memory is of what this bodiless response stands for. A 304 need not repeat the validators."""
        validators = Validators.of(response.headers)
        if validators.etag is None and validators.last_modified is None:
            return known.age() < self._config.policy.recheck_seconds
        return known.validators.same(validators)

    @staticmethod
    def _declares_image(response: http.Response) -> bool:
        return declares_image(response.headers.get("content-type", ""))

    async def _refetch(self, flow: http.HTTPFlow, way: Passage) -> Whole | None:
        """Fetch the whole response and judge it. Afterwards the passage is decided unless it is no listed image.

        None: it could not be fetched, and policy has decided. An image in a 206's place is answered whole.
        """
        try:
            whole = await self._refetcher.fetch(flow.request)
        except RefetchFailed as error:
            logger.warning("a whole response could not be fetched to judge a part: %s", error)
            way.unjudged = True
            self._conclude(flow, way, None, self._judge.unchecked(Reason.ERROR))
            return None
        fingerprint = None
        if whole.body is not None:
            fingerprint, verdict = await self._judge.judge(whole.body, whole.codings, whole.declared)
            way.unjudged = fingerprint is None
            if verdict.reason is Reason.NOT_IMAGE:
                fingerprint = None
            if fingerprint is not None:
                self._note(flow, way, fingerprint, verdict)
            self._conclude_refetched(flow, way, whole, fingerprint, verdict)
            self._offer(way, fingerprint, verdict, whole.body, whole.codings)
        self._memory.remember(way.target, Memory(fingerprint, Validators.of(whole.headers)))
        return whole

    def _conclude_refetched(
        self,
        flow: http.HTTPFlow,
        way: Passage,
        whole: Whole,
        fingerprint: Fingerprint | None,
        verdict: Verdict,
    ) -> None:
        self._conclude(flow, way, fingerprint, verdict)
        assert flow.response is not None
        if flow.response.status_code == 206 and way.instead is None:
            # The bytes that were judged are the bytes that are sent.
            way.instead = http.Response.make(whole.status, whole.body or b"", _end_to_end(whole))

    async def _conclude_known(self, flow: http.HTTPFlow, way: Passage, known: Memory, otherwise: Reason) -> None:
        if known.fingerprint is None:
            way.deliver(otherwise)
        else:
            await self._judge.settle(known.fingerprint)
            self._conclude(flow, way, known.fingerprint, self._judge.verdict(known.fingerprint))

    def _conclude(self, flow: http.HTTPFlow, way: Passage, fingerprint: Fingerprint | None, verdict: Verdict) -> None:
        """Carry the verdict out, and see to the takedown that follows from a match."""
        if verdict.blocks:
            self._refuse(flow, way, self._page(flow.request, verdict), verdict.reason)
        else:
            way.deliver(verdict.reason)
        if verdict.match is not None and fingerprint is not None and verdict.reason is not Reason.ALLOWLISTED:
            self._recorder.incident(way.target, fingerprint.sha256, verdict)
            if verdict.blocks:
                way.noted |= self._recorder.order(way.target, fingerprint.sha256, verdict)

    def _page(self, request: http.Request, verdict: Verdict) -> http.Response:
        blocked_by = self._config.policy.blocked_by
        if verdict.match is not None and verdict.action is not None:
            return pages.blocked(request, verdict.action, blocked_by)
        return pages.refusal(request, 503)

    def _refuse(self, flow: http.HTTPFlow, way: Passage, page: http.Response, reason: Reason) -> None:
        way.refuse(page, reason)
        if flow.response is None:
            flow.response = page

    def _remember(self, flow: http.HTTPFlow, way: Passage, fingerprint: Fingerprint | None) -> None:
        assert flow.response is not None
        if flow.request.method == "GET" and flow.response.status_code == 200:
            self._memory.remember(way.target, Memory(fingerprint, Validators.of(flow.response.headers)))

    def _fail(self, flow: http.HTTPFlow) -> None:
        """The policy for our own defects. Must not raise: what it relies on is as little as can be."""
        way = passage.of(flow)
        if way is None:
            way = Passage(Target("", "", ""))
            passage.attach(flow, way)
        way.unjudged = True
        self._let_go(way)
        delivers = self._config.policy.error == "deliver" and way.instead is None
        way.decide(Decision.DELIVER if delivers else Decision.BLOCK, Reason.ERROR)
        if not delivers:
            way.instead = way.instead or pages.refusal(flow.request, 503)
            flow.response = way.instead


def _joined(name: str, tags: str | None, tag: str) -> str:
    """The origin's own tags stay: Cache-Tag and its like are lists with commas, the others with spaces."""
    separator = "," if name.lower().endswith("-tag") else " "
    return f"{tags}{separator}{tag}" if tags else tag


def _end_to_end(whole: Whole) -> http.Headers:
    """The headers of a fetched response that belong to it and not to the connection it came by."""
    return http.Headers([field for field in whole.headers.fields if field[0].lower() not in _HOP_BY_HOP])
