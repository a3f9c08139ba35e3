"""Sends a recorded request again, and judges and records its response like any other."""

import time
from collections.abc import Iterable, Sequence
from dataclasses import replace
from enum import Enum, auto

from edgeward.proxy.host_vary import HostVary
from edgeward.proxy.judge import Judge
from edgeward.proxy.key_headers import KeyHeaders
from edgeward.proxy.recorder import Recorder
from edgeward.proxy.refetch import FullResponse, Refetcher, RefetchFailed, RefetchTooLarge
from edgeward.proxy.request_host import target_of_request
from edgeward.proxy.request_record import RecordedHeaders, RequestRecord, unpack
from edgeward.proxy.stale_responses import is_stale
from edgeward.proxy.target_cache import CachedTarget, TargetCache, Validators, variant_of_response, vary_names
from edgeward.settings.cache_settings import CacheSettings
from edgeward.types import Reason, Sighting, Target

ASK_LATER = frozenset((408, 421, 425, 429))
"""Statuses that, like 5xx, say nothing about the target: it is asked for again."""
NOT_JUDGEABLE = frozenset((206, 400, 401, 403, 405, 406, 407, 414, 431))
"""Statuses that say nothing about it either, and that another try would give again."""
REFUSALS = frozenset((400, 401, 403, 405))
"""Those of them that a cache has from the origin, or gives to every such request: where it holds a copy of this
variant, it answers with that."""


def says_nothing(status: int) -> bool:
    """Whether a response of this status leaves open what the target has: it must be asked for again."""
    return status >= 500 or status in ASK_LATER


class Repeated(Enum):
    """What came of a request that was sent again."""

    JUDGED = auto()
    """Its response is judged, and recorded if it is an image."""
    NOT_JUDGEABLE = auto()
    """What a cache may have stored for the first request can't be asked for."""
    TRY_AGAIN = auto()
    STALE = auto()
    """Its response is judged, but was stale: a cache may be fetching another."""


class RequestRepeater:
    """Repeats requests of one worker.

    Args:
        in_front: the upstream is a cache: what it refuses to the same request, it has not stored for that.

    Attributes:
        recorded_headers: which headers are recorded of a request. A Vary of a response adds to them.
    """

    def __init__(
        self,
        judge: Judge,
        recorder: Recorder,
        refetcher: Refetcher,
        cache: TargetCache | None = None,
        *,
        in_front: bool = False,
        caches: Iterable[CacheSettings] = (),
    ) -> None:
        self._in_front, self._key_headers = in_front, KeyHeaders(caches)
        self._judge, self._recorder, self._refetcher = judge, recorder, refetcher
        self._cache = cache or TargetCache()
        self.recorded_headers = RecordedHeaders()
        self._host_vary = HostVary()

    @property
    def ready(self) -> bool:
        """Whether the lists are loaded: before that, nothing can be judged."""
        return self._judge.ready

    @property
    def version(self) -> int:
        """The version of the lists by which is judged what is judged from now on."""
        return self._judge.version

    def learn(self, host: str, vary: Sequence[str]) -> None:
        """A response of this host has named these request headers in Vary, in lower case."""
        self.recorded_headers.learn(vary)
        self._host_vary.learn(host, vary)

    def finds_what_is_stored(self, record: bytes) -> bool:
        """Whether caches would look up under this record what they have stored for its request, as far as is known: no
        header is missing by which they tell variants of its target apart."""
        recorded = unpack(record)
        target = target_of_request(recorded.request)
        return recorded.has_all(self._cache.vary(target)) and recorded.has_all_unusual(
            self._host_vary.names(target.host)
        )

    async def repeat(self, record: bytes, answer_seconds: float) -> Repeated:
        """Send the request of a record, wait that long for the headers of the response, and judge it."""
        request = (recorded := unpack(record)).request
        # Recorded before scanning was turned off there.
        if target_of_request(request) in self._judge.unscanned:
            return Repeated.JUDGED
        try:
            full = await self._refetcher.fetch(request, answer_seconds)
        except RefetchTooLarge:
            # As in transit: policy.too_large, and no sighting.
            return Repeated.JUDGED if recorded.is_whole else Repeated.NOT_JUDGEABLE
        except RefetchFailed:
            return Repeated.TRY_AGAIN
        if says_nothing(full.status):
            return Repeated.TRY_AGAIN
        if full.status in NOT_JUDGEABLE and not (full.status in REFUSALS and self._is_refused_alike(recorded)):
            return Repeated.NOT_JUDGEABLE
        names = vary_names(full.headers.get("vary"))
        self.learn(target_of_request(request).host, names)
        if not await self._judge_response(
            variant_of_response(self._key_headers.keyed(target_of_request(request), request), names, request.headers),
            full,
        ):
            return Repeated.TRY_AGAIN
        # If the variant of that client is another one than this, it can't be asked for.
        if not recorded.has_all(names) or not recorded.is_whole:
            return Repeated.NOT_JUDGEABLE
        return Repeated.STALE if is_stale(full.headers) else Repeated.JUDGED

    def _is_refused_alike(self, recorded: RequestRecord) -> bool:
        """Whether a refusal was one of the recorded request too."""
        return self._in_front and recorded.is_admitted_alike

    async def _judge_response(self, variant: Target, full: FullResponse) -> bool:
        """Returns whether it could be judged."""
        fingerprint = None
        if full.body is not None:
            fingerprint, verdict = await self._judge.judge(full.body, full.codings, variant, full.declared)
            if fingerprint is None:
                return False
            if verdict.reason is Reason.NOT_IMAGE:
                fingerprint = None
            else:
                target = replace(variant, size=len(full.body))
                self._recorder.record_sighting(Sighting(target, fingerprint, time.time(), verdict.version))
                if verdict.blocks and verdict.match is not None:
                    self._recorder.order_purge(target, fingerprint.sha256, verdict)
                    # Whoever waits for unjudged responses waits for this order, whatever was asked for.
                    self._recorder.order_unjudged_purge(target, "it is listed, and its response was judged late")
        if full.status == 200:
            self._cache.put(variant, CachedTarget(fingerprint, Validators.of(full.headers)))
        return True
