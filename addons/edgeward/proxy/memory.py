"""Which target last served which image: bounded, in one worker's memory.

It answers two questions without the upstream: may this request be refused at once, and what would this response
without a whole body (HEAD, 304, 206) show? Variants are kept apart by the request headers that Vary named.
"""

import marshal
import time
from collections.abc import Mapping
from dataclasses import dataclass, field

from edgeward.proxy.kept import Kept
from edgeward.takedown.recent import target_key
from edgeward.takedown.seen.packing import pack_fingerprint, unpack_fingerprint
from edgeward.types import Fingerprint, Target

MEMORY_BYTES = 40 * 1024 * 1024
"""It tells where lists ask for `geometry`: then a target's memory takes some 6 KB, else 0.7."""
VARY_BYTES = 16 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Validators:
    """What tells two representations of one target apart (RFC 9110, 8.8)."""

    etag: str | None = None
    last_modified: str | None = None

    @classmethod
    def of(cls, headers: Mapping[str, str]) -> "Validators":
        return cls(headers.get("etag"), headers.get("last-modified"))

    def same(self, other: "Validators") -> bool:
        """Both carry a validator and none differs."""
        if self.etag and other.etag:
            return self.etag.removeprefix("W/") == other.etag.removeprefix("W/")
        return bool(self.last_modified) and self.last_modified == other.last_modified


@dataclass(frozen=True, slots=True)
class Memory:
    """What a target served: the fingerprint of an image, or None for something else."""

    fingerprint: Fingerprint | None
    validators: Validators
    at: float = field(default_factory=time.monotonic)

    def age(self) -> float:
        return time.monotonic() - self.at

    @property
    def objects(self) -> int:
        """How many the garbage collector goes through."""
        return 2 + (1 + len(self.fingerprint.signals) if self.fingerprint else 0)

    def pack(self) -> bytes:
        """For this process alone: another Python may not read it."""
        packed = pack_fingerprint(self.fingerprint) if self.fingerprint else b""
        return marshal.dumps((packed, self.validators.etag, self.validators.last_modified, self.at))

    @classmethod
    def unpack(cls, data: bytes) -> "Memory":
        packed, etag, last_modified, at = marshal.loads(data)  # noqa: S302  it never left this process
        return cls(unpack_fingerprint(packed) if packed else None, Validators(etag, last_modified), at)


class TargetMemory:
    """The last `size` targets of this worker, or fewer that take MEMORY_BYTES."""

    def __init__(self, size: int = 50_000) -> None:
        self._memories = Kept(size, MEMORY_BYTES, Memory.pack, Memory.unpack, lambda memory: memory.objects)
        self._vary = Kept(size, VARY_BYTES, _pack_names, _unpack_names, lambda _: 1)

    def variant(self, base: Target, request_headers: Mapping[str, str]) -> Target:
        """The target with the request headers that this resource is known to vary by."""
        names = self._vary.get(_resource(base))
        return with_vary(base, names, request_headers) if names else base

    def get(self, target: Target) -> Memory | None:
        return self._memories.get(target_key(target))

    def remember(self, target: Target, memory: Memory) -> None:
        names, resource = tuple(name for name, _ in target.vary), _resource(target)
        if names or self._vary.get(resource):
            self._vary.remember(resource, names)
        self._memories.remember(target_key(target), memory)


def _resource(target: Target) -> bytes:
    """The key of what all variants of a target have in common."""
    return target_key(Target(target.scheme, target.host, target.path))


def _pack_names(names: tuple[str, ...]) -> bytes:
    return ",".join(names).encode("utf-8", "surrogatepass")


def _unpack_names(packed: bytes) -> tuple[str, ...]:
    return tuple(packed.decode("utf-8", "surrogatepass").split(",")) if packed else ()


def vary_names(header: str | None) -> tuple[str, ...]:
    """The field names of a Vary header, lower-case and sorted. `*` names none: such a response is never reused."""
    names = {name.strip().lower() for name in (header or "").split(",")}
    return tuple(sorted(name for name in names if name and name != "*"))


def with_vary(base: Target, names: tuple[str, ...], request_headers: Mapping[str, str]) -> Target:
    vary = tuple((name, _as_latin_1(request_headers.get(name, ""))) for name in names)
    return Target(base.scheme, base.host, base.path, vary, base.size)


def _as_latin_1(value: str) -> str:
    """mitmproxy reads header values as UTF-8 with surrogates for what is none; a target has one character a byte."""
    return value if value.isascii() else value.encode("utf-8", "surrogateescape").decode("latin-1")
