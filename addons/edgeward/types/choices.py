"""The words of which there are only so many: modes, actions, reasons, outcomes."""

from enum import StrEnum


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


class View(StrEnum):
    """How a picture was looked at for a signal. A list says which views may match: the first three always do."""

    STORED = "stored"
    """As its pixels are stored: what other tools hash, and lists are made with."""
    SHOWN = "shown"
    """Turned as its EXIF orientation says, where that differs."""
    INNER = "inner"
    """What lies within a uniform border or letterbox."""
    TURNED = "turned"
    """Mirrored, or turned by right angles: for lists that say `rotations`."""
    SEARCHED = "searched"
    """As it may have been before it was cropped, turned by a few degrees, or covered in part by a caption, a logo or a
    sticker: for lists that say `geometry`."""
    SMALLER = "smaller"
    """As smaller copies of it look: listed with a picture, never looked up."""


ALWAYS = frozenset({View.STORED, View.SHOWN, View.INNER})
"""Views that match on every list."""


class Flaw(StrEnum):
    """Why an image lacks some or all perceptual signals. What then happens is the operator's policy, per flaw."""

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
    TOO_MANY_FRAMES = "too_many_frames"
    """More distinct frames than hashing.max_frames, or more than could be looked at: the first have signals."""
    TOO_SMALL = "too_small"
    """A side of so few pixels that all such pictures look alike: it has digests alone."""
    FLAT = "flat"
    """So little happens in the picture that its perceptual hashes would match others by chance: digests alone."""


PASSING = frozenset({Flaw.TIMEOUT, Flaw.CRASHED, Flaw.OVERLOADED})
"""Flaws of the moment, not of the image: it is hashed again at next sight."""

LASTING = frozenset({Flaw.TOO_MANY_FRAMES, Flaw.TOO_SMALL, Flaw.FLAT})
"""Flaws of images that were read as far as the settings say: hashed again they would get the same signals."""


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
    TOO_MANY_FRAMES = "too_many_frames"
    TOO_SMALL = "too_small"
    FLAT = "flat"
    CLASSIFIED = "classified"
    """An operator's classifier gave the image, which no list knows, a label: for review, never for a block."""


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
