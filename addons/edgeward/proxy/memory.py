"""Which target last served which image: bounded, in one worker's memory.

It answers two questions without the upstream: may this request be refused at once, and what would this response
without a whole body (HEAD, 304, 206) show? Variants are kept apart by the request headers that Vary named.
"""

import time
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field

from edgeward.proxy.known import SIGNALS_HELD
from edgeward.types import Fingerprint, Target


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
    def signals(self) -> int:
        return len(self.fingerprint.signals) if self.fingerprint else 0


class TargetMemory:
    """The last `size` targets of this worker, or fewer whose images have SIGNALS_HELD signals together."""

    def __init__(self, size: int = 50_000) -> None:
        self._size = size
        self._signals = 0
        self._vary: OrderedDict[tuple[str, str, str], tuple[str, ...]] = OrderedDict()
        self._memories: OrderedDict[Target, Memory] = OrderedDict()

    def variant(self, base: Target, request_headers: Mapping[str, str]) -> Target:
        """The target with the request headers that this resource is known to vary by."""
        names = self._vary.get((base.scheme, base.host, base.path), ())
        return with_vary(base, names, request_headers) if names else base

    def get(self, target: Target) -> Memory | None:
        return self._memories.get(target)

    def remember(self, target: Target, memory: Memory) -> None:
        names = tuple(name for name, _ in target.vary)
        base = (target.scheme, target.host, target.path)
        if names or base in self._vary:
            self._vary[base] = names
            self._vary.move_to_end(base)
        self._signals += memory.signals - self._forget(target)
        self._memories[target] = memory
        while len(self._memories) > self._size or (self._signals > SIGNALS_HELD and len(self._memories) > 1):
            self._signals -= self._forget(next(iter(self._memories)))
        while len(self._vary) > self._size:
            self._vary.popitem(last=False)

    def _forget(self, target: Target) -> int:
        """How many signals go with it."""
        memory = self._memories.pop(target, None)
        return memory.signals if memory else 0


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
