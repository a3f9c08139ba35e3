"""The enumerations: modes, actions, views, flaws, reasons, causes, deliveries, roles.

Their values are stored in Redis, sent by the API and used as metric labels: they never change.
"""

from enum import StrEnum
from typing import Self


class Mode(StrEnum):
    """What a list does with its matches."""

    ENFORCE = "enforce"
    """Block them (or protect them, on an allowlist)."""
    MONITOR = "monitor"
    """Only record an incident."""
    OFF = "off"
    """Nothing: the list is not consulted."""


class ListKind(StrEnum):
    """A blocklist blocks its matches; a match on an allowlist overrides every blocklist."""

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


class View(StrEnum):
    """The transformation of a picture that a signal was computed from.

    STORED, SHOWN and INNER match on every list; DIHEDRAL and GEOMETRY only on lists that ask for them.
    """

    STORED = "stored"
    """The pixels as stored: what other tools hash, and what shared lists hold."""
    SHOWN = "shown"
    """Rotated by its EXIF orientation, where it has one."""
    INNER = "inner"
    """Without a uniform border or letterbox."""
    DIHEDRAL = "turned"
    """Mirrored, or rotated by right angles: for lists with `rotations`."""
    GEOMETRY = "searched"
    """A guess at the original of a picture that was cropped, rotated by a few degrees, or partly covered by a caption,
    a logo or a sticker: for lists with `geometry`."""
    SMALLER = "smaller"
    """A smaller copy: added to a list together with a picture, never computed for a lookup."""


ALWAYS_MATCHED = frozenset({View.STORED, View.SHOWN, View.INNER})
"""The views that match on every list, whatever its policy."""


class Flaw(StrEnum):
    """Why an image lacks some or all perceptual signals. The operator's policy says, per flaw, what happens then."""

    TOO_LARGE = "too_large"
    """More bytes than hashing.max_bytes, before or after the content-coding is removed."""
    TOO_MANY_PIXELS = "too_many_pixels"
    """More pixels than hashing.max_pixels."""
    UNDECODABLE = "undecodable"
    """It starts with an image's magic bytes, but no decoder could read it."""
    UNSUPPORTED = "unsupported"
    """An image format that is recognised by its magic bytes, but has no decoder here."""
    BAD_CODING = "bad_coding"
    """The content-coding is unknown, damaged, or not what the header says."""
    TIMEOUT = "timeout"
    """A hasher worked on it for longer than hashing.timeout_ms."""
    CRASHED = "crashed"
    """The hasher process died: a crash, or its memory limit."""
    OVERLOADED = "overloaded"
    """Every hasher was busy and the queue was full."""
    TOO_MANY_FRAMES = "too_many_frames"
    """More distinct frames than hashing.max_frames, or more than could be read: only the first have signals."""
    TOO_SMALL = "too_small"
    """A side has so few pixels that all such pictures look alike: digests only."""
    FLAT = "flat"
    """The picture has so little detail that its perceptual hashes would match others by chance: digests only."""


TRANSIENT_FLAWS = frozenset({Flaw.TIMEOUT, Flaw.CRASHED, Flaw.OVERLOADED})
"""Flaws of the moment, not of the image: it is hashed again when it is seen next."""

PERMANENT_FLAWS = frozenset({Flaw.TOO_MANY_FRAMES, Flaw.TOO_SMALL, Flaw.FLAT})
"""Flaws of images that were read as far as the settings allow: hashing them again would give the same signals."""


class Reason(StrEnum):
    """Why a response got its verdict: the `reason` label of edgeward_responses_total. Every Flaw is a reason too."""

    MATCH = "match"
    """It is on an enforced blocklist."""
    MONITORED = "monitored"
    """It is on a blocklist in monitor mode only."""
    ALLOWLISTED = "allowlisted"
    NO_MATCH = "no_match"
    NOT_SCANNED = "not_scanned"
    """Scanning is off at its URL (`[[scan_exceptions]]`)."""
    NOT_IMAGE = "not_image"
    NO_BODY = "no_body"
    """HEAD, 204 or 304 for a target that is not known to hold a listed image."""
    UPGRADE = "upgrade"
    """A WebSocket or another tunnel: there is nothing to hash."""
    METHOD_REFUSED = "method_refused"
    HEADER_REFUSED = "header_refused"
    BAD_REQUEST = "bad_request"
    NOT_READY = "not_ready"
    """The lists are not loaded yet."""
    STORE_STALE = "store_stale"
    """The lists that judged it may lack what was listed since this worker lost touch with the store."""
    UPSTREAM_ERROR = "upstream_error"
    ERROR = "error"
    """A defect of Edgeward: counted, logged, and refused or delivered by policy."""
    TOO_LARGE = "too_large"
    TOO_MANY_PIXELS = "too_many_pixels"
    UNDECODABLE = "undecodable"
    UNSUPPORTED = "unsupported"
    BAD_CODING = "bad_coding"
    TIMEOUT = "timeout"
    CRASHED = "crashed"
    OVERLOADED = "overloaded"
    TOO_MANY_FRAMES = "too_many_frames"
    TOO_SMALL = "too_small"
    FLAT = "flat"
    CLASSIFIED = "classified"
    """No list has the image, but an operator's classifier gave it a label: for review, never for a block."""


class Cause(StrEnum):
    """Why a purge order was placed."""

    MATCH = "match"
    """The gate met a listed image in transit."""
    LISTING = "listing"
    """A change of the lists matched an image that was seen before it (retromatching)."""
    MANUAL = "manual"
    """Somebody asked for this purge."""
    TAKEDOWN = "takedown"
    """A host, a site's own software or a person reported it as taken down."""
    ORIGIN = "origin"
    """The origin has removed or replaced it."""
    UNJUDGED = "unjudged"
    """A cache may have stored a response that nobody could judge: it was broken off, and asked for again in vain."""
    UNKNOWN = "unknown"
    """A later release of Edgeward placed it for a cause that this one does not know. It is carried out all the same."""


class Scope(StrEnum):
    """What one purge order removes."""

    TARGET = "target"
    """One target, with every variant of it that the cache holds."""
    PREFIX = "prefix"
    """Everything on a host whose request target begins with the order's `target.path`."""
    TAG = "tag"
    """Everything that the cache stored under the order's `tag`, whatever its URL."""


class Delivery(StrEnum):
    """The state of a purge order at one cache node."""

    VERIFIED = "verified"
    """Purged, and a second request or a probe showed that nothing is left."""
    DELIVERED = "delivered"
    """Accepted by a cache that cannot be probed: for people, "accepted"."""
    UNSUPPORTED = "unsupported"
    """This kind of cache cannot carry out such an order (by prefix, by tag): it removed nothing, and never will."""
    REFUSED = "refused"
    """Rejected because of the configuration: retried only rarely."""
    WAITING = "waiting"
    """Not done: the cache did not answer, or asked to try later. It is retried."""


class Met(StrEnum):
    """What a purge met that a cache carried out."""

    REMOVED = "removed"
    """It removed a copy."""
    NONE = "none"
    """It found no copy."""
    UNKNOWN = "unknown"
    """The cache does not tell."""

    @classmethod
    def of(cls, removed: int | None) -> Self:
        """From the number of copies that it removed; None: that is not known."""
        if removed is None:
            return cls("unknown")
        return cls("removed" if removed else "none")


class ImportState(StrEnum):
    """The state of an import."""

    RUNNING = "running"
    INTERRUPTED = "interrupted"
    """No controller has it: another one takes it over."""
    HELD = "held"
    """It would block too much: a second person must approve it."""
    DONE = "done"
    FAILED = "failed"


FINAL_IMPORT_STATES = frozenset({ImportState.DONE, ImportState.FAILED})


class Role(StrEnum):
    VIEWER = "viewer"
    """Reads status and counts: no URLs, no hashes."""
    OPERATOR = "operator"
    ADMIN = "admin"
