"""The records that Edgeward keeps in the store: targets, sightings, purge orders, outcomes, incidents, list changes."""

import functools
import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Self

from edgeward.types.batches import Batch, RowRef
from edgeward.types.choices import Cause, Decision, Delivery, Met, Reason, Scope, View
from edgeward.types.later_releases import Unreadable
from edgeward.types.signals import Entry, Fingerprint, HashList

UNKNOWN_VARY = "*"
"""In place of the names in Vary: it names more than can be recorded."""
UNKNOWN_KEY_HEADERS = ((UNKNOWN_VARY, ""),)
"""In place of `Target.key_headers`: more than can be recorded."""


@dataclass(frozen=True, slots=True)
class Target:
    """What a cache stores under: scheme, host and the byte-exact request target, with the varying request headers.

    `path` is the request target as received (RFC 9112, section 3.2), decoded as latin-1 so that every byte survives.
    `vary` holds (lower-case name, value) of each request header that the response's Vary names (RFC 9111, section 4.1),
    in its order, or UNKNOWN_VARY alone, if those are more than can be recorded.
    `size` is the length of the body in bytes, for caches that store slices; targets compare equal without it.
    `key_headers` holds (lower-case name, value) of each request header that is part of a CDN's key whatever Vary names,
    sorted; or UNKNOWN_KEY_HEADERS.
    """

    scheme: str
    host: str
    path: str
    vary: tuple[tuple[str, str], ...] = ()
    size: int = field(default=0, compare=False)
    key_headers: tuple[tuple[str, str], ...] = ()

    @property
    def url(self) -> str:
        return f"{self.scheme}://{self.host}{self.path}"

    @property
    def length(self) -> int:
        """Characters in all, which is about what it takes in memory, in bytes."""
        headers = (*self.vary, *self.key_headers)
        vary = sum(len(name) + len(value) for name, value in headers) if headers else 0
        return len(self.scheme) + len(self.host) + len(self.path) + vary

    def to_json(self) -> str:
        return json.dumps(asdict(self), separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str | bytes) -> Self:
        return cls.from_dict(json.loads(text))

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        vary, key_headers = _headers(data.get("vary")), _headers(data.get("key_headers"))
        return cls(data["scheme"], data["host"], data["path"], vary, int(data.get("size", 0)), key_headers)


def _headers(found: Sequence[Sequence[Any]] | None) -> tuple[tuple[str, str], ...]:
    return tuple([(str(name), str(value)) for name, value in found]) if found else ()


def distinct_targets(targets: Iterable[Target]) -> list[Target]:
    """Each target once, in the order in which they first come, with the largest size of its equals.

    Targets compare equal without their size, and a cache that stores slices is purged of as many as the size tells.
    """
    largest: dict[Target, Target] = {}
    for target in targets:
        known = largest.get(target)
        if known is None or target.size > known.size:
            largest[target] = target
    return list(largest.values())


CACHED_LENGTH = 2_000
"""Characters of the longest target whose digest is cached: the cache holds the target too."""


def target_key(target: Target, *more: str) -> bytes:
    """A digest of 16 bytes of a target, without its size, and of `more` that tells it apart.

    The latest are cached: a target that was requested is requested again.
    """
    return _cached_key(target, *more) if target.length <= CACHED_LENGTH else _target_key(target, *more)


@functools.lru_cache(maxsize=1024)
def _cached_key(target: Target, *more: str) -> bytes:
    return _target_key(target, *more)


def _target_key(target: Target, *more: str) -> bytes:
    key_headers = (target.key_headers,) if target.key_headers else ()
    what = (target.scheme, target.host, target.path, target.vary, *key_headers, *more)
    # repr quotes each part: joined by a separator, different parts could give the same text.
    return hashlib.blake2b(repr(what).encode(), digest_size=16).digest()


@dataclass(frozen=True, slots=True)
class Sighting:
    """`target` served the image of `fingerprint` at `seen_at` (Unix seconds), judged by the lists at `version`."""

    target: Target
    fingerprint: Fingerprint
    seen_at: float
    version: int


@dataclass(frozen=True, slots=True)
class PurgeOrder:
    """An order to remove something from every cache.

    Attributes:
        target: what to remove, as `scope` says; NO_TARGET if `scope` is TAG.
        started_at: when the linger time began, Unix seconds: the listing, or the match in transit.
        sha256: the image, "" for a manual order.
        entry_id: the list entry that led to the order, or "".
        why: the reason that was given, "" for none.
        by: who gave the order.
        tag: what to remove if `scope` is TAG, else "".
        takedown: id of the takedown that the order belongs to, or "".
        forgotten: number of forgotten targets that the order stands for: sightings of them were lost, so only an order
            by prefix or tag can remove their copies. 0 for an order for what is known.
        id: given by the store, "" before.
        unanswered: for a response that could not be judged (cause UNJUDGED): nobody has seen headers of it, so a cache
            can't have stored it yet.
        seen_at: when the target was last seen to serve the image, as far as that is recorded, Unix seconds; 0.0: it was
            not, or that is not known.
        nonce: of its own for each order that is placed: a store that was restored may give an id a second time. "" of
            one that an earlier release placed.
    """

    target: Target
    cause: Cause
    started_at: float
    sha256: str = ""
    entry_id: str = ""
    why: str = ""
    by: str = ""
    scope: Scope = Scope.TARGET
    tag: str = ""
    takedown: str = ""
    forgotten: int = 0
    id: str = ""
    unanswered: bool = False
    seen_at: float = 0.0
    nonce: str = field(default="", compare=False)

    @property
    def placed_at(self) -> float:
        """When the store recorded the order, Unix seconds."""
        return placed_at(self.id)


def placed_at(order_id: str) -> float:
    """When the order of this id was placed, Unix seconds: the id begins with that time in milliseconds."""
    return int(order_id.partition("-")[0]) / 1000


NO_TARGET = Target("", "", "")
"""The target of an order for a tag."""


def image_tag(sha256: str) -> str:
    """The tag under which caches store an image (placement fill). Half of its SHA-256 identifies it well enough."""
    return f"ew-{sha256[:32]}"


@dataclass(frozen=True, slots=True)
class Outcome:
    """The result of one order at one cache node, at `at` (Unix seconds), after `attempts` tries.

    `status` is the cache's HTTP status, 0 if it gave none; `detail` explains a refusal or a repeat, for people.
    `removed` is how many copies the purge removed, its repeats included; 0: it found none; None: that is not known.
    `timed_out`: of a failed attempt, the cache has the purge and gave no answer in time: it waits for a fetch.
    """

    order_id: str
    cache: str
    delivery: Delivery
    at: float
    attempts: int = 1
    status: int = 0
    detail: str = ""
    removed: int | None = None
    timed_out: bool = False

    @property
    def is_final(self) -> bool:
        """Whether the cache has answered: it carried the order out, refuses it, or cannot do it."""
        return self.delivery is not Delivery.WAITING

    @property
    def is_carried_out(self) -> bool:
        """Whether the cache did what was ordered. Whether nothing is left is known only if it is VERIFIED."""
        return self.delivery in (Delivery.VERIFIED, Delivery.DELIVERED)

    @property
    def met(self) -> Met:
        """What the purge met."""
        return Met.of(self.removed)


@dataclass(frozen=True, slots=True)
class Incident:
    """A block, a match in monitor mode, or an image that an operator's classifier wants reviewed.

    `view` and `frame` are those of the signal that matched. If `reason` is CLASSIFIED, `classifier`, `label` and
    `score` (0..1) are set instead of `list` and `entry_id`. `at` is in Unix seconds; `id` is given by the store.
    `hits` is the number of requests that it stands for; `act` is the act that listed the entry; `source_id` and `tags`
    are what the programme that the hash came from calls it.
    """

    at: float
    decision: Decision
    reason: Reason
    target: Target
    sha256: str
    list: str
    entry_id: str
    signal_type: str
    distance: int
    view: View = View.STORED
    frame: int = 0
    classifier: str = ""
    label: str = ""
    score: float = 0.0
    hits: int = 1
    act: str = ""
    source_id: str = ""
    tags: tuple[str, ...] = ()
    id: str = ""


@dataclass(frozen=True, slots=True)
class Change:
    """One change of the lists, which is also one line of their audit trail: who, when, what, why.

    `version` counts changes from 1 without gaps. `op` is "list.set", "list.delete", "list.batch_add",
    "list.batch_undo", "entry.add", "entry.remove", or "entry.set": the act of the entry was undone, and another act
    lists it too; or the entry was set to monitor. "store.refill" and "store.caches_emptied" are lines of the audit
    trail alone.
    `list` or `entry` holds the changed object: as it is after the change, or as it was before a removal.
    `origin` is the network address from which it was asked for; "" if it is not known.
    `unreadable`: this release can't make the change, or, if it is a removal, could not read what is removed.
    `entries` is how many a list had that was just deleted, counted in the same step; it is not stored.
    `batch` is the one that was added or undone; `row` the row of a batch which an entry was that is removed.
    """

    version: int
    op: str
    who: str
    at: float
    why: str
    list: HashList | None = None
    entry: Entry | None = None
    origin: str = field(default="", compare=False)
    unreadable: Unreadable | None = field(default=None, compare=False)
    entries: int = field(default=0, compare=False)
    batch: Batch | None = None
    row: RowRef | None = None
