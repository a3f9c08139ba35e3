"""Signals, what they are listed with, and what comes of them: entry, list, match, verdict."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Self

from edgeward.types.choices import ALWAYS, LASTING, Action, Decision, Flaw, Kind, Mode, Reason, View


@dataclass(frozen=True, slots=True)
class Signal:
    """One hash of an image. `quality` is 0..100 where its type has one (PDQ), else None.

    `view` and `frame` say what of the image it is a hash of; frames count from 0. In a text that shows
    images `frame` is the number of the image.
    """

    type: str
    value: str
    quality: int | None = None
    view: View = View.STORED
    frame: int = 0

    def to_dict(self) -> dict[str, Any]:
        """For JSON. A view and a frame that are the ordinary ones are left out."""
        data: dict[str, Any] = {"type": self.type, "value": self.value, "quality": self.quality}
        if self.view is not View.STORED:
            data["view"] = self.view.value
        if self.frame:
            data["frame"] = self.frame
        return data

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        view = View(data.get("view", View.STORED))
        return cls(data["type"], data["value"], data.get("quality"), view, data.get("frame", 0))


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """All signals of one image. An animation holds the perceptual signals of each distinct frame that was read.

    `size` counts the bytes of the image with content-codings undone; `width`, `height` are pixels, 0 where unknown.
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
        """Whether it holds all that its settings can find in the image: worth keeping for its next sight."""
        return self.flaw is None or self.flaw in LASTING

    def to_json(self) -> str:
        data = asdict(self) | {"signals": [signal.to_dict() for signal in self.signals]}
        return json.dumps(data, separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str | bytes) -> Self:
        data = json.loads(text)
        signals = tuple(Signal.from_dict(signal) for signal in data.pop("signals"))
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
        return json.dumps(asdict(self) | {"signal": self.signal.to_dict()}, separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str | bytes) -> Self:
        data = json.loads(text)
        return cls(signal=Signal.from_dict(data.pop("signal")), **data)


JOINT = "pdq-dhash"
"""The signal type that is composed of two others of the same picture: only lists and queries have such values."""
JOINT_OF = ("dhash", "pdq")
"""What it is composed of, in the order of its value."""

RATED = frozenset({"pdq", JOINT})
"""The types with a quality. That of a joint value is its PDQ's."""

DEFAULT_RADIUS: Mapping[str, int] = {"pdq": 31, "phash": 6, "dhash": 4, JOINT: 72}
"""Bits that may differ in a match, per perceptual signal type that ships. Digests match exactly.

PDQ: 31 of 256 (Meta, "The TMK+PDQF video-hashing algorithm and the PDQ image-hashing algorithm", 2019).
phash, 64 bits: 6, above which chance matches on lists of millions begin. dhash, 64 bits: 4, since part of a
photograph was found 5 from a drawing (docs/detection.md). PDQ and dhash together, counted as signal_types.PdqDhash
does: 72, where an unrelated picture whose dhash is as near was 80 away at least."""

MIN_PDQ_QUALITY = 50
"""Below it a PDQ says too little to match on (Meta discards quality <= 49)."""


@dataclass(frozen=True, slots=True)
class HashList:
    """A named set of entries with its policy. `radius` holds the types that differ from their default.

    `rotations`: an image matches also mirrored and turned by right angles. `geometry`: also cropped, turned by a few
    degrees, or covered in part, at the cost of many more hashes of each image and lookups.
    """

    name: str
    kind: Kind = Kind.BLOCK
    mode: Mode = Mode.ENFORCE
    action: Action = Action.UNAVAILABLE_FOR_LEGAL_REASONS
    radius: Mapping[str, int] = field(default_factory=dict)
    description: str = ""
    rotations: bool = False
    geometry: bool = False

    @property
    def views(self) -> frozenset[View]:
        """The views of an image that its entries are matched with."""
        asked = ((View.TURNED, self.rotations), (View.SEARCHED, self.geometry))
        return ALWAYS | {view for view, wanted in asked if wanted}

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
            rotations=data.get("rotations", False),
            geometry=data.get("geometry", False),
        )


@dataclass(frozen=True, slots=True)
class Match:
    """A signal of the image that lies within the list's radius of an entry. `distance` is in its type's unit: bits."""

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
