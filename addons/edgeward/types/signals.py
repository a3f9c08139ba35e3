"""From signal to verdict: signal, fingerprint, entry, list, match, verdict."""

import hashlib
import json
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any, Self

from edgeward.errors import LaterRelease
from edgeward.types.choices import ALWAYS_MATCHED, PERMANENT_FLAWS, Action, Decision, Flaw, ListKind, Mode, Reason, View
from edgeward.types.later_releases import (
    check_version,
    known_or,
    unknown_fields,
    with_unknown,
    without_fields,
)


@dataclass(frozen=True, slots=True)
class Signal:
    """One hash of an image. `quality` is 0..100 where its type has one (PDQ), else None.

    `view` and `frame` (from 0) say what part of the image was hashed. For a document with embedded images (SVG, HTML,
    CSS) `frame` is the number of the embedded image.
    """

    type: str
    value: str
    quality: int | None = None
    view: View = View.STORED
    frame: int = 0

    def to_dict(self) -> dict[str, Any]:
        """For JSON, without `view` and `frame` where they have their defaults."""
        data: dict[str, Any] = {"type": self.type, "value": self.value, "quality": self.quality}
        if self.view is not View.STORED:
            data["view"] = self.view.value
        if self.frame:
            data["frame"] = self.frame
        return data

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        view = known_or(data["view"], View.STORED) if "view" in data else View.STORED
        return cls(data["type"], data["value"], data.get("quality"), view, data.get("frame", 0))


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """All signals of one image; for an animation, the perceptual signals of each distinct frame that was read.

    `sha256` and `size` (bytes) are those of the image without content-coding. `width` and `height` are in pixels, 0 if
    unknown. `flaw` explains why signals are missing, None if none are.
    """

    sha256: str
    media_type: str
    size: int
    signals: tuple[Signal, ...]
    width: int = 0
    height: int = 0
    flaw: Flaw | None = None

    @property
    def is_complete(self) -> bool:
        """Whether hashing the image again would give the same signals, so that this fingerprint can be reused."""
        return self.flaw is None or self.flaw in PERMANENT_FLAWS

    def to_json(self) -> str:
        data = asdict(self) | {"signals": [signal.to_dict() for signal in self.signals]}
        return json.dumps(data, separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str | bytes) -> Self:
        data = json.loads(text)
        signals = tuple(Signal.from_dict(signal) for signal in data["signals"])
        flaw = known_or(data["flaw"], Flaw.UNSUPPORTED) if data["flaw"] else None
        sha256, media_type, size = data["sha256"], data["media_type"], data["size"]
        return cls(sha256, media_type, size, signals, data.get("width", 0), data.get("height", 0), flaw)


_SIGNAL_FIELDS = frozenset({"type", "value", "quality", "view", "frame", "act", "source_id", "tags", "mode"})
_ENTRY_FIELDS = frozenset({"list", "signal", "reason", "added_by", "added_at"})


def _unknown_of_entry(data: Mapping[str, Any], read: Signal) -> str:
    """What of an entry, and of its signal, was not read."""
    signal = data["signal"]
    more = {name: value for name, value in signal.items() if name not in _SIGNAL_FIELDS}
    if signal.get("view", read.view) != read.view:
        more["view"] = signal["view"]
    return unknown_fields(data, _ENTRY_FIELDS, signal=more)


def entry_id(list_name: str, signal: Signal) -> str:
    """The id of a signal on a list, 20 hex digits. A signal that is added twice is one entry."""
    text = f"{list_name}\0{signal.type}\0{signal.value}"
    return hashlib.blake2b(text.encode(), digest_size=10).hexdigest()


@dataclass(frozen=True, slots=True)
class Entry:
    """One listed signal: who listed it, when (Unix seconds) and why.

    `act` is the id of the request, takedown or import that listed it, "" if that was before acts were recorded.
    `source_id` is the id that the programme which the hash came from gave it, "" for none; `tags` are its labels there.
    `mode` overrides that of its list: MONITOR if it matched too many different images, and ENFORCE if a person has
    decided on it since (lists/entry_modes.py). An earlier release passes over it, and goes on blocking.
    `unknown` is what only a later release can read of it, as JSON (see later_releases.py).
    """

    list: str
    signal: Signal
    reason: str = ""
    added_by: str = ""
    added_at: float = 0.0
    act: str = ""
    source_id: str = ""
    tags: tuple[str, ...] = ()
    mode: Mode | None = None
    unknown: str = field(default="", compare=False, repr=False)

    @property
    def id(self) -> str:
        return entry_id(self.list, self.signal)

    def to_json(self) -> str:
        """The act, the source's id, the tags and the mode are in the object of the signal: there earlier versions
        ignore unknown keys, so that machines can be upgraded one after another."""
        more = {"act": self.act, "source_id": self.source_id, "tags": self.tags, "mode": self.mode}
        signal = self.signal.to_dict() | {name: value for name, value in more.items() if value}
        # By hand: for millions of entries `asdict` takes longer than all else.
        data = {
            "list": self.list,
            "signal": signal,
            "reason": self.reason,
            "added_by": self.added_by,
            "added_at": self.added_at,
        }
        return json.dumps(with_unknown(data, self.unknown), separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str | bytes) -> Self:
        """An entry as stored.

        Raises:
            LaterRelease: only a later release can read it.
            KeyError, ValueError, TypeError, AttributeError: it is damaged.
        """
        data = json.loads(text)
        if "needs" in data:
            check_version(data, "an entry")
        signal = data["signal"]
        # Interned: an import of a million entries has one act.
        act = sys.intern(signal.get("act", ""))
        source_id, tags = signal.get("source_id", ""), tuple(map(sys.intern, signal.get("tags", ())))
        read = Signal.from_dict(signal)
        is_known = len(data) == len(_ENTRY_FIELDS) and signal.keys() <= _SIGNAL_FIELDS and "view" not in signal
        unknown = "" if is_known else _unknown_of_entry(data, read)
        listed_by = data["reason"], data["added_by"], data["added_at"], act
        mode = known_or(signal["mode"], Mode.ENFORCE) if "mode" in signal else None
        return cls(data["list"], read, *listed_by, source_id, tags, mode, unknown)


COMPOSITE_TYPE = "pdq-dhash"
"""The signal type that combines two others of the same picture. Only lists and queries hold such values."""
COMPONENTS_OF_COMPOSITE = ("dhash", "pdq")
"""Its components, in the order in which its value concatenates them."""

TYPES_WITH_QUALITY = frozenset({"pdq", COMPOSITE_TYPE})
"""The types with a quality. The quality of a composite value is that of its PDQ."""

DEFAULT_RADIUS: Mapping[str, int] = {"pdq": 31, "phash": 6, "dhash": 4, COMPOSITE_TYPE: 72}
"""Bits that may differ in a match, per built-in perceptual signal type. Digests match exactly.

PDQ: 31 of 256 (Meta, "The TMK+PDQF video-hashing algorithm and the PDQ image-hashing algorithm", 2019).
phash: 6 of 64; above that, lists of millions of entries match by chance. dhash: 4 of 64; a part of a photograph was 5
bits from a drawing (docs/detection.md). PDQ and dhash together, weighted as in signal_types.PdqDhash: 72; the nearest
unrelated picture with an equally near dhash was 80 away."""

MIN_PDQ_QUALITY = 50
"""A PDQ of lower quality says too little to match on (Meta discards quality <= 49)."""


ALL_TARGETS = 100.0
"""The share of a list that acts at every target, in per cent."""
LIMITED_LISTS_VERSION = 3
"""Least version of a reader of a list that does not act everywhere, or not on every quality: an earlier release would
have it block more than was asked for."""


@dataclass(frozen=True, slots=True)
class HashList:
    """A named set of entries with its policy.

    Attributes:
        radius: bits that may differ, for the signal types that do not use DEFAULT_RADIUS.
        rotations: also match images that were mirrored or rotated by right angles.
        geometry: also match images that were cropped, rotated by a few degrees or partly covered. Each image then
            needs many more hashes and lookups.
        import_profile: how its files are read, as JSON (operations/import_requests.py); empty: nothing is said of it.
        protect: of an allowlist: an update that would match one of its entries is held until a second person approves
            it (operations/guard.py).
        hosts: where it acts, as written by policy/written_limits.py: a host in ASCII and lower case without a port, or
            "*." and one, for all hosts below it; () for every host.
        paths: beginnings of the paths below which it acts, percent-encoded; () for every path.
        share: percentage of the targets at which a list in mode ENFORCE acts as such; at the others it is in MONITOR.
        expires_at: when it is turned off, Unix seconds of the store's clock (policy/list_expiry.py); 0.0: never.
        min_quality: PDQs of lower quality match nothing on it, where that is more than hashing.min_quality.
        unknown: what only a later release can read of it, as JSON (see later_releases.py).
    """

    name: str
    kind: ListKind = ListKind.BLOCK
    mode: Mode = Mode.ENFORCE
    action: Action = Action.UNAVAILABLE_FOR_LEGAL_REASONS
    radius: Mapping[str, int] = field(default_factory=dict)
    description: str = ""
    rotations: bool = False
    geometry: bool = False
    import_profile: Mapping[str, Any] = field(default_factory=dict)
    hosts: tuple[str, ...] = ()
    paths: tuple[str, ...] = ()
    share: float = ALL_TARGETS
    expires_at: float = 0.0
    min_quality: int = 0
    protect: bool = False
    unknown: str = field(default="", compare=False, repr=False)

    @property
    def is_limited(self) -> bool:
        """Whether it does not act in the same way at all targets."""
        return bool(self.hosts or self.paths) or self.share < ALL_TARGETS

    @property
    def substituted(self) -> Mapping[str, str]:
        """Values of the policy that only a later release knows, by name. They are read as what blocks most."""
        kept = json.loads(self.unknown) if self.unknown else {}
        return {name: str(kept[name]) for name in _LIST_FIELDS if name in kept}

    def changed(self, **values: Any) -> Self:
        """The list with these values; what a later release wrote besides stays."""
        return replace(self, unknown=without_fields(self.unknown, values.keys()), **values)

    @property
    def views(self) -> frozenset[View]:
        """The views of an image that may match its entries."""
        optional = ((View.DIHEDRAL, self.rotations), (View.GEOMETRY, self.geometry))
        return ALWAYS_MATCHED | {view for view, wanted in optional if wanted}

    def to_json(self) -> str:
        data = asdict(self)
        del data["unknown"]
        for name, default in _LEFT_OUT.items():
            if data[name] == default:
                del data[name]
        if self.is_limited or self.min_quality:
            data["needs"] = LIMITED_LISTS_VERSION
        return json.dumps(with_unknown(data, self.unknown), separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str | bytes) -> Self:
        """A list as stored.

        An unknown mode is read as ENFORCE, on an allowlist as OFF: what is listed stays blocked. An unknown action is
        the usual one, 451.

        Raises:
            LaterRelease: only a later release can read it, or knows its kind.
            KeyError, ValueError, TypeError, AttributeError: it is damaged.
        """
        data = json.loads(text)
        check_version(data, f"the list {data['name']!r}")
        # Written anew for what is read of it. What a later release needs is not read at all.
        data.pop("needs", None)
        if data["kind"] not in list(ListKind):
            raise LaterRelease(f"the list {data['name']!r} is of a kind that only a later release of Edgeward knows")
        kind = ListKind(data["kind"])
        mode = known_or(data["mode"], Mode.ENFORCE if kind is ListKind.BLOCK else Mode.OFF)
        action = known_or(data["action"], Action.UNAVAILABLE_FOR_LEGAL_REASONS)
        read = {"mode": mode, "action": action}
        substituted = {name: data[name] for name, value in read.items() if data[name] != value}
        return cls(
            name=data["name"],
            kind=kind,
            mode=mode,
            action=action,
            radius=dict(data["radius"]),
            description=data["description"],
            rotations=data.get("rotations", False),
            geometry=data.get("geometry", False),
            import_profile=dict(data.get("import_profile", {})),
            hosts=tuple(data.get("hosts", ())),
            paths=tuple(data.get("paths", ())),
            share=float(data.get("share", ALL_TARGETS)),
            expires_at=float(data.get("expires_at", 0.0)),
            min_quality=int(data.get("min_quality", 0)),
            protect=data.get("protect", False),
            unknown=unknown_fields(data, _LIST_FIELDS, **substituted),
        )


_LIST_FIELDS = frozenset(each.name for each in fields(HashList)) - {"unknown"}
_LEFT_OUT: Mapping[str, Any] = {
    "import_profile": {},
    "hosts": (),
    "paths": (),
    "share": ALL_TARGETS,
    "expires_at": 0.0,
    "min_quality": 0,
    "protect": False,
}
"""Fields that a record does not have while they have these values: it reads as earlier releases wrote it."""


@dataclass(frozen=True, slots=True)
class Match:
    """A signal of the image that is within the list's radius of an entry. `distance` is in bits for built-in types."""

    signal: Signal
    entry: Entry
    distance: int


@dataclass(frozen=True, slots=True)
class Verdict:
    """Deliver or block, and why. `version` is the list version that the image was judged by."""

    decision: Decision
    reason: Reason
    match: Match | None = None
    action: Action | None = None
    version: int = 0

    @property
    def blocks(self) -> bool:
        return self.decision is Decision.BLOCK
