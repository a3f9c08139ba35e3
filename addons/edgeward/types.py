"""The words of the field as frozen types. Every other module speaks in these.

signal      one hash of an image: type, value, quality
fingerprint all signals of one image, or the flaw that kept some from being made
entry       one listed signal with its provenance
list        a named set of entries with its policy (`HashList`)
match       signal + entry + distance
verdict     deliver or block, with a reason
target      what a cache stores under
sighting    this target served this fingerprint then
purge order remove this target from the caches; durable until verified on each
outcome     what one cache node made of one order
incident    a block or a would-have-blocked, for people

Times are Unix seconds (float). Hash values are lower-case hexadecimal.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any, Self


class Mode(StrEnum):
    """What a list does with its matches."""

    ENFORCE = "enforce"
    MONITOR = "monitor"
    OFF = "off"


class Kind(StrEnum):
    """A block list blocks its matches; an allowlist's match wins over every other list."""

    BLOCK = "block"
    ALLOW = "allow"


class Action(StrEnum):
    """What a client gets instead of a blocked image: a status, or a grey placeholder picture with status 200."""

    UNAVAILABLE_FOR_LEGAL_REASONS = "451"
    FORBIDDEN = "403"
    NOT_FOUND = "404"
    GONE = "410"
    PLACEHOLDER = "placeholder"


class Decision(StrEnum):
    DELIVER = "deliver"
    BLOCK = "block"


class Flaw(StrEnum):
    """Why an image has no perceptual signals. What then happens is the operator's policy, per flaw."""

    TOO_LARGE = "too_large"
    """More bytes than hashing.max_bytes, coded or decoded."""
    TOO_MANY_PIXELS = "too_many_pixels"
    UNDECODABLE = "undecodable"
    """The bytes start like an image but no decoder could read them."""
    UNSUPPORTED = "unsupported"
    """A format of images that we know by its magic bytes but cannot decode."""
    BAD_CODING = "bad_coding"
    """The content-coding is unknown, broken or lies."""
    TIMEOUT = "timeout"
    CRASHED = "crashed"
    """The hasher died: a crash, or its memory limit."""
    OVERLOADED = "overloaded"
    """Every hasher was busy and the queue was full."""


class Reason(StrEnum):
    """Why a response got its verdict: the `reason` label of edgeward_responses_total. Flaws are reasons too."""

    MATCH = "match"
    MONITORED = "monitored"
    ALLOWLISTED = "allowlisted"
    NO_MATCH = "no_match"
    NOT_IMAGE = "not_image"
    NO_BODY = "no_body"
    """HEAD, 204 or 304 for a target that is not known to hold a listed image."""
    UPGRADE = "upgrade"
    """A WebSocket or another tunnel: nothing that could be hashed."""
    METHOD_REFUSED = "method_refused"
    HEADER_REFUSED = "header_refused"
    BAD_REQUEST = "bad_request"
    NOT_READY = "not_ready"
    """The lists are not loaded yet."""
    UPSTREAM_ERROR = "upstream_error"
    DRAINING = "draining"
    ERROR = "error"
    """Our own defect: counted, logged, and refused or delivered by policy."""
    TOO_LARGE = "too_large"
    TOO_MANY_PIXELS = "too_many_pixels"
    UNDECODABLE = "undecodable"
    UNSUPPORTED = "unsupported"
    BAD_CODING = "bad_coding"
    TIMEOUT = "timeout"
    CRASHED = "crashed"
    OVERLOADED = "overloaded"


class Cause(StrEnum):
    """Why a purge order was placed."""

    MATCH = "match"
    """A listed image was met in transit."""
    LISTING = "listing"
    """A new entry, matched backwards over all sightings."""
    MANUAL = "manual"
    TAKEDOWN = "takedown"
    """A host, a site's own software or a person said that it is taken down."""
    ORIGIN = "origin"
    """The origin has removed or replaced it."""


class Scope(StrEnum):
    """What one purge order removes."""

    TARGET = "target"
    """One target, with every variant of it that the cache holds."""
    PREFIX = "prefix"
    """All of a host whose request target begins with the order's `target.path`."""
    TAG = "tag"
    """All that the cache stored under the order's `tag`, whatever its URL."""


class Delivery(StrEnum):
    """What became of a purge order at one cache node."""

    VERIFIED = "verified"
    DELIVERED = "delivered"
    """Accepted by the cache, and no probe is possible there."""
    REFUSED = "refused"
    """A configuration error: it will not get better by asking again."""
    WAITING = "waiting"


class Role(StrEnum):
    VIEWER = "viewer"
    """Reads status and counts: no URLs, no hashes."""
    OPERATOR = "operator"
    ADMIN = "admin"


@dataclass(frozen=True, slots=True)
class Signal:
    """One hash of an image. `quality` is 0..100 where its type has one (PDQ), else None."""

    type: str
    value: str
    quality: int | None = None


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """All signals of one image. An animation holds one perceptual signal per distinct frame that was read.

    `size` counts the bytes of the image with content-codings undone; `width`, `height` are pixels, 0 where unknown.
    """

    sha256: str
    media_type: str
    size: int
    signals: tuple[Signal, ...]
    width: int = 0
    height: int = 0
    flaw: Flaw | None = None

    def to_json(self) -> str:
        return json.dumps(asdict(self), separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str | bytes) -> Self:
        data = json.loads(text)
        signals = tuple(Signal(**signal) for signal in data.pop("signals"))
        flaw = data.pop("flaw")
        return cls(signals=signals, flaw=Flaw(flaw) if flaw else None, **data)


def entry_id(list_name: str, signal: Signal) -> str:
    """The id of a signal on a list: the same signal listed twice is one entry (20 hex digits)."""
    text = f"{list_name}\0{signal.type}\0{signal.value}"
    return hashlib.blake2b(text.encode(), digest_size=10).hexdigest()


@dataclass(frozen=True, slots=True)
class Entry:
    """One listed signal: who listed it, when and why."""

    list: str
    signal: Signal
    reason: str = ""
    added_by: str = ""
    added_at: float = 0.0

    @property
    def id(self) -> str:
        return entry_id(self.list, self.signal)

    def to_json(self) -> str:
        return json.dumps(asdict(self), separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str | bytes) -> Self:
        data = json.loads(text)
        return cls(signal=Signal(**data.pop("signal")), **data)


DEFAULT_RADIUS: Mapping[str, int] = {"pdq": 31, "phash": 6, "dhash": 6}
"""Bits that may differ in a match, per perceptual signal type. Digests match exactly.

PDQ: 31 of 256 (Meta, "The TMK+PDQF video-hashing algorithm and the PDQ image-hashing algorithm", 2019).
The 64-bit hashes: 6, above which chance matches on lists of millions begin."""

MIN_PDQ_QUALITY = 50
"""Below it a PDQ says too little to match on (Meta discards quality <= 49)."""


@dataclass(frozen=True, slots=True)
class HashList:
    """A named set of entries with its policy. `radius` holds the types that differ from DEFAULT_RADIUS."""

    name: str
    kind: Kind = Kind.BLOCK
    mode: Mode = Mode.ENFORCE
    action: Action = Action.UNAVAILABLE_FOR_LEGAL_REASONS
    radius: Mapping[str, int] = field(default_factory=dict)
    description: str = ""

    def radius_of(self, signal_type: str) -> int:
        return self.radius.get(signal_type, DEFAULT_RADIUS.get(signal_type, 0))

    def to_json(self) -> str:
        return json.dumps(asdict(self), separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str | bytes) -> Self:
        data = json.loads(text)
        return cls(
            name=data["name"],
            kind=Kind(data["kind"]),
            mode=Mode(data["mode"]),
            action=Action(data["action"]),
            radius=dict(data["radius"]),
            description=data["description"],
        )


@dataclass(frozen=True, slots=True)
class Match:
    """A signal of the image that lies within the list's radius of an entry. `distance` is in bits."""

    signal: Signal
    entry: Entry
    distance: int


@dataclass(frozen=True, slots=True)
class Verdict:
    """Deliver or block, and why. `version` is the version of the lists that it was made at."""

    decision: Decision
    reason: Reason
    match: Match | None = None
    action: Action | None = None
    version: int = 0

    @property
    def blocks(self) -> bool:
        return self.decision is Decision.BLOCK


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
    """A block, or (list in monitor mode) a would-have-blocked."""

    at: float
    decision: Decision
    reason: Reason
    target: Target
    sha256: str
    list: str
    entry_id: str
    signal_type: str
    distance: int
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
