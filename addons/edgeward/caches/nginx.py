"""nginx with ngx_http_cache_purge, through the purge listener of deploy/nginx/edgeward-cache.conf or -slice.conf."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from edgeward.caches.base import STILL_CACHED, Abilities, Purged
from edgeward.caches.raw_http import RawHttpRequest
from edgeward.caches.response_parser import HttpResponse
from edgeward.caches.self_hosted_driver import REPEAT_PAUSES_SECONDS, SelfHostedDriver, no_purge, refused
from edgeward.settings.cache_settings import NginxCache
from edgeward.types import Delivery, PurgeOrder, Target

_NOT_CACHED = (404, 412)
"""404 from Debian's module, 412 from the fork of nginx-modules."""
_OF_THE_FORK = 412
_ADD_VARIANTS = (
    'point `url` at the purge listener, and let it send `add_header Edgeward-Variants "std avif webp" always;` '
    "(edgeward-cache.conf)"
)
MISSING_SLICES_AT_END = 4
"""Beyond the slices that the size predicts, this many missing ones in a row are the end of the response."""
MISSING_SLICES_WITHOUT_SIZE = 64
"""As many where no size is known: nginx may have evicted some of the slices, or never have stored the first ones."""
_SIZE_NOT_KNOWN = (
    f"the size of the response is not known: slices behind {MISSING_SLICES_WITHOUT_SIZE} missing ones may be left"
)
SLICES_PER_ROUND = 128
"""Slices of one target that are purged together."""
MAX_SLICES = 16384
"""Slices of one target that are purged at most."""


@dataclass(slots=True)
class _OrderState:
    """How far one order is.

    `removed`: files so far. `slices`: slices purged so far. `missing`: the last of those, in a row, that were not
    cached. `absent`: the last response that said that nothing is cached. `problem`: the outcome, where the purge cannot
    be verified.
    """

    target: Target
    variants: list[str] = field(default_factory=list)
    removed: int = 0
    slices: int = 0
    missing: int = 0
    absent: HttpResponse | None = None
    problem: Purged | None = None

    def outcome(self) -> Purged:
        if self.problem:
            # A server that names no variants may answer 200 because it serves the object: that removes nothing.
            return replace(self.problem, count=(self.removed or None) if self.variants else None)
        purges = self.variants or self.removed or (self.absent and self.absent.status == _OF_THE_FORK)
        if not purges and self.absent:
            # A 404 alone may come from any server that listens there.
            return no_purge(self.absent, "Edgeward-Variants", _ADD_VARIANTS)
        if self.slices and not self.target.size:
            return Purged(Delivery.DELIVERED, 404, _SIZE_NOT_KNOWN, self.removed if self.variants else None)
        if self.variants or not self.target.vary:
            return Purged(Delivery.VERIFIED, 404, count=self.removed)
        return Purged(Delivery.DELIVERED, 404, "the purge listener names no variants", self.removed or None)

    def files(self, byte_range: str = "") -> list["_CachedFile"]:
        """A file for each variant: of one slice, or of the whole response."""
        slice_header = [("Edgeward-Slice", byte_range)] if byte_range else []
        files = [_CachedFile(self, [("Edgeward-Variant", variant), *slice_header]) for variant in self.variants]
        return files or [_CachedFile(self, slice_header)]

    def expected_slices(self, slice_bytes: int) -> int:
        """The slices that the target has by its size, and the missing ones behind them that mark their end."""
        return -(-self.target.size // slice_bytes) + self.missing_at_end

    @property
    def missing_at_end(self) -> int:
        """This many missing slices in a row are the end of the response."""
        return MISSING_SLICES_AT_END if self.target.size else MISSING_SLICES_WITHOUT_SIZE

    def has_more_slices(self, slice_bytes: int) -> bool:
        if self.problem:
            return False
        # The size is that of an earlier sighting: the cached response may be longer.
        if self.slices >= self.expected_slices(slice_bytes) and self.missing >= self.missing_at_end:
            return False
        if self.slices >= MAX_SLICES:
            detail = f"only the first {MAX_SLICES} slices were purged: slice_bytes is too small for this response"
            self.problem = Purged(Delivery.REFUSED, 200, detail)
            return False
        return True


@dataclass(slots=True)
class _CachedFile:
    """A file that may be in the cache: a variant, or a slice of it."""

    order: _OrderState
    headers: list[tuple[str, str]] = field(default_factory=list)
    removed: int = 0

    @property
    def request(self) -> RawHttpRequest:
        return RawHttpRequest("GET", self.order.target.host, self.order.target.path, self.headers)

    def record(self, response: HttpResponse | Purged) -> bool:
        """Record the response to `request`. True: something was removed, so it must be purged again."""
        if isinstance(response, Purged):
            self.order.problem = response
        elif response.status == 200:
            self.removed += 1
            self.order.removed += 1
            return True
        elif response.status in _NOT_CACHED:
            self.order.absent = response
        else:
            self.order.problem = refused(response)
        return False


class Nginx(SelfHostedDriver):
    """GET on the purge listener, once for each variant that the listener names in `Edgeward-Variants`, and for each
    slice where nginx stores slices.

    A listener that names no variants has one key per URL. nginx then keeps further files for a response with Vary,
    which no purge finds: such purges are delivered, not verified. And its 404 may come from any server that listens
    there: it is no yes, unless the purge removed something before.
    """

    name = "nginx"
    # origin_seconds: the default of proxy_read_timeout.
    abilities = Abilities(
        all_variants=True, sends_headers=False, counts=True, verifies=True, batch=64, origin_seconds=60.0
    )
    settings: NginxCache

    async def _targets(self, orders: Sequence[PurgeOrder]) -> list[Purged]:
        states = [_OrderState(order.target) for order in orders]
        await self._read_variants(states)
        in_progress = [state for state in states if not state.problem]
        if self.settings.slice_bytes:
            await self._purge_slices(in_progress)
        else:
            await self._purge_until_gone([file for state in in_progress for file in state.files()])
        return [state.outcome() for state in states]

    async def _read_variants(self, states: Sequence[_OrderState]) -> None:
        """Ask for each target without a variant: a listener that names variants removes nothing then."""
        files = [_CachedFile(state) for state in states]
        for file, response in zip(files, await self._send([file.request for file in files]), strict=True):
            file.record(response)
            if isinstance(response, HttpResponse):
                file.order.variants = response.headers.get("edgeward-variants", "").split()

    async def _purge_slices(self, states: Sequence[_OrderState]) -> None:
        """Purge slice after slice. A missing slice is not the end while the size says that more follow: nginx may have
        evicted it alone."""
        size = self.settings.slice_bytes
        while states:
            slices: list[tuple[_OrderState, list[_CachedFile]]] = []
            for state in states:
                expected = max(state.expected_slices(size) - state.slices, state.missing_at_end)
                for index in range(state.slices, state.slices + min(SLICES_PER_ROUND, expected)):
                    slices.append((state, state.files(f"bytes={index * size}-{(index + 1) * size - 1}")))
            await self._purge_until_gone([file for _, files in slices for file in files])
            for state, files in slices:
                state.slices += 1
                state.missing = 0 if any(file.removed for file in files) else state.missing + 1
            states = [state for state in states if state.has_more_slices(size)]

    async def _purge_until_gone(self, files: Sequence[_CachedFile]) -> None:
        """Purge files until nothing is left of any."""
        for _ in REPEAT_PAUSES_SECONDS:
            if not files:
                return
            responses = await self._send([file.request for file in files])
            files = [file for file, response in zip(files, responses, strict=True) if file.record(response)]
        for file in files:
            file.order.problem = Purged(Delivery.WAITING, 200, STILL_CACHED)
