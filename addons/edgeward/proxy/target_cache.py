"""Which target last served which image: bounded, in one worker's memory.

It answers two questions without asking the upstream: can this request be refused at once, and which image does this
response without a full body (HEAD, 304, 206) stand for? The request headers named in Vary distinguish variants.
"""

import marshal
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from edgeward import metrics
from edgeward.proxy.packed_lru import MAX_UNPACKED_OBJECTS, PackedLru
from edgeward.sightings.codec import pack_fingerprint, unpack_fingerprint
from edgeward.types import TRANSIENT_FLAWS, UNKNOWN_VARY, Fingerprint, Target, target_key

TARGET_CACHE_BYTES = 40 * 1024 * 1024
"""The limit that counts where lists ask for `geometry`: a target then takes about 6 KB, otherwise 0.7."""
VARY_BYTES = 16 * 1024 * 1024
UNKNOWN_VARIANT = ((UNKNOWN_VARY, ""),)
MAX_VARY_NAMES = 64
"""In the Vary of one response. Caches accept about as many headers in one request."""
MAX_VARY_MEMBERS = 1000
"""Members of a Vary that are looked at, names or not."""
MAX_VARY_BYTES = 16 * 1024
"""Of the names in Vary and their values in one request: a sighting holds them."""


@dataclass(frozen=True, slots=True)
class Validators:
    """What tells two representations of one target apart (RFC 9110, 8.8)."""

    etag: str | None = None
    last_modified: str | None = None

    @classmethod
    def of(cls, headers: Mapping[str, str]) -> "Validators":
        return cls(headers.get("etag"), headers.get("last-modified"))

    def match(self, other: "Validators") -> bool:
        """Whether both are of one representation: by ETag where both have one (weakly), or else by Last-Modified."""
        if self.etag and other.etag:
            return self.etag.removeprefix("W/") == other.etag.removeprefix("W/")
        return bool(self.last_modified) and self.last_modified == other.last_modified


@dataclass(frozen=True, slots=True)
class CachedTarget:
    """What a target served: the fingerprint of an image; None: something other than an image."""

    fingerprint: Fingerprint | None
    validators: Validators
    at: float = field(default_factory=time.monotonic)

    def age(self) -> float:
        """Seconds since it was served."""
        return time.monotonic() - self.at

    @property
    def object_count(self) -> int:
        """How many objects the garbage collector visits in it."""
        return 2 + (1 + len(self.fingerprint.signals) if self.fingerprint else 0)

    def pack(self) -> bytes:
        """For this process alone: another version of Python may not be able to read it."""
        packed = pack_fingerprint(self.fingerprint) if self.fingerprint else b""
        return marshal.dumps((packed, self.validators.etag, self.validators.last_modified, self.at))

    @classmethod
    def unpack(cls, data: bytes) -> "CachedTarget":
        packed, etag, last_modified, at = marshal.loads(data)  # noqa: S302  it never left this process
        return cls(unpack_fingerprint(packed) if packed else None, Validators(etag, last_modified), at)


class TargetCache:
    """The last `size` targets of this worker, or fewer that take TARGET_CACHE_BYTES."""

    def __init__(self, size: int = 50_000, max_unpacked_objects: int = MAX_UNPACKED_OBJECTS) -> None:
        self._targets = PackedLru(
            size,
            TARGET_CACHE_BYTES,
            CachedTarget.pack,
            CachedTarget.unpack,
            lambda cached: cached.object_count,
            max_unpacked_objects,
            lambda cached: len(cached.validators.etag or "") + len(cached.validators.last_modified or ""),
        )
        self._vary = PackedLru(
            size,
            VARY_BYTES,
            _pack_names,
            _unpack_names,
            lambda _: 1,
            max_unpacked_objects,
            lambda names: sum(map(len, names)),
        )

    def variant(self, base: Target, request_headers: Mapping[str, str]) -> Target:
        """The target with the request headers that its last response named in Vary."""
        names = self._vary.get(_key_of_all_variants(base))
        return with_vary(base, names, request_headers) if names else base

    def vary(self, base: Target) -> tuple[str, ...]:
        """The request headers that the last response of this target named in Vary, as far as that is remembered."""
        return self._vary.get(_key_of_all_variants(base)) or ()

    def get(self, target: Target) -> CachedTarget | None:
        return self._targets.get(_key(target))

    def put(self, target: Target, cached: CachedTarget) -> None:
        """Remember what a target served, unless hashing it failed for the moment: then it must be hashed again."""
        if cached.fingerprint is not None and cached.fingerprint.flaw in TRANSIENT_FLAWS:
            return
        names, key = tuple(name for name, _ in target.vary), _key_of_all_variants(target)
        # Most targets vary by nothing, and need no entry.
        if names or self._vary.get(key):
            self._vary.put(key, names)
        self._targets.put(_key(target), cached)


def _key(target: Target) -> bytes:
    # A CDN may keep copies apart by other headers. What they show depends on those of Vary only.
    return target_key(replace(target, key_headers=()) if target.key_headers else target)


def _key_of_all_variants(target: Target) -> bytes:
    return target_key(Target(target.scheme, target.host, target.path))


def _pack_names(names: tuple[str, ...]) -> bytes:
    return ",".join(names).encode("utf-8", "surrogatepass")


def _unpack_names(packed: bytes) -> tuple[str, ...]:
    return tuple(packed.decode("utf-8", "surrogatepass").split(",")) if packed else ()


def vary_names(header: str | None) -> tuple[str, ...]:
    """The field names of a Vary header, lower-case, in its order and as often as it has them, as Squid stores by them.

    `*` is left out: such a response is never reused. More than MAX_VARY_NAMES are UNKNOWN_VARY.
    """
    names = [name.strip(" \t").lower() for name in (header or "").split(",", MAX_VARY_MEMBERS)]
    names = [_as_latin_1(name) for name in names if name and name != UNKNOWN_VARY]
    return tuple(names) if len(names) <= MAX_VARY_NAMES else (UNKNOWN_VARY,)


def variant_of_response(base: Target, names: tuple[str, ...], request_headers: Mapping[str, str]) -> Target:
    """`with_vary` for a response. If the variant is not known, that is counted."""
    target = with_vary(base, names, request_headers)
    metrics.vary_unknown.inc(target.vary == UNKNOWN_VARIANT)
    return target


def with_vary(base: Target, names: tuple[str, ...], request_headers: Mapping[str, str]) -> Target:
    """The variant of a target that a request with these headers selects (RFC 9111, 4.1).

    If names and values have more than MAX_VARY_BYTES, it is UNKNOWN_VARIANT: a purge of it names no variant.
    """
    vary = tuple((name, _value(name, request_headers)) for name in names)
    if UNKNOWN_VARY in names or sum(len(name) + len(value) for name, value in vary) > MAX_VARY_BYTES:
        vary = UNKNOWN_VARIANT
    return replace(base, vary=vary)


def _value(name: str, request_headers: Mapping[str, str]) -> str:
    if name == UNKNOWN_VARY:
        return ""
    return _as_latin_1(request_headers.get(_as_mitmproxy_has_it(name), ""))


def _as_mitmproxy_has_it(name: str) -> str:
    """The inverse of `_as_latin_1`."""
    try:
        return name if name.isascii() else name.encode("latin-1").decode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return name


def _as_latin_1(value: str) -> str:
    """mitmproxy decodes header values as UTF-8 with surrogates for other bytes; a target has one character a byte."""
    return value if value.isascii() else value.encode("utf-8", "surrogateescape").decode("latin-1")
