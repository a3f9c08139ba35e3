"""What caches store, who saw it, and how it is removed: target, sighting, purge order, outcome, incident, change."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Self

from edgeward.types.choices import Cause, Decision, Delivery, Reason, Scope, View
from edgeward.types.signals import Entry, Fingerprint, HashList


@dataclass(frozen=True, slots=True)
class Target:
    """What a cache stores under: scheme, host and the byte-exact request target, with the varying request headers.

    `path` is the request target as it was on the wire, decoded as latin-1 so that every byte survives.
    `vary` holds (lower-case name, value) of each request header that the response's Vary names.
    `size` is the length of the body in bytes, for caches that store slices; it is no part of the target's identity.
    """

    scheme: str
    host: str
    path: str
    vary: tuple[tuple[str, str], ...] = ()
    size: int = field(default=0, compare=False)

    @property
    def url(self) -> str:
        return f"{self.scheme}://{self.host}{self.path}"

    def to_json(self) -> str:
        return json.dumps(asdict(self), separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str | bytes) -> Self:
        return cls.from_dict(json.loads(text))

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        vary = tuple((str(name), str(value)) for name, value in data.get("vary", ()))
        return cls(data["scheme"], data["host"], data["path"], vary, int(data.get("size", 0)))


@dataclass(frozen=True, slots=True)
class Sighting:
    """This target served the image with this SHA-256 at `seen_at`, checked at list version `version`."""

    target: Target
    fingerprint: Fingerprint
    seen_at: float
    version: int


@dataclass(frozen=True, slots=True)
class PurgeOrder:
    """Remove something from every cache. `started_at` is when lingering began: the listing, or the match in transit.

    `scope` says what `target` and `tag` mean. `id` is given by the store ("" before). `entry_id` and `sha256` are ""
    for an order by hand; `takedown` is the id of the takedown that it belongs to, or "".
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
    id: str = ""


NOWHERE = Target("", "", "")
"""The target of an order that is about a tag."""


def image_tag(sha256: str) -> str:
    """The tag that an image is stored under in caches behind `fill`: half of its digest is enough to tell it apart."""
    return f"ew-{sha256[:32]}"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one cache node made of one order. `status` is the cache's HTTP status, 0 where none came."""

    order_id: str
    cache: str
    delivery: Delivery
    at: float
    attempts: int = 1
    status: int = 0
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Incident:
    """A block, or (list in monitor mode) a would-have-blocked; or what an operator's classifier wants reviewed.

    `view` and `frame` are those of the signal that matched. One with reason CLASSIFIED names, instead of a list and an
    entry, the `classifier`, its `label` and the `score` (0..1).
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
    id: str = ""


@dataclass(frozen=True, slots=True)
class Change:
    """One change of the blocklist, and one line of its audit trail: who, when, what, why.

    `version` counts changes from 1 without gaps. `op` is "list.set", "list.delete", "entry.add" or "entry.remove";
    `list` and `entry` hold what the change is about, as it is after the change (before, for removals).
    """

    version: int
    op: str
    who: str
    at: float
    why: str
    list: HashList | None = None
    entry: Entry | None = None
