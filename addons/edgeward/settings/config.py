"""Every setting as a typed model: name, type, default, bounds, unit and meaning.

Each section of the TOML file is one class; `Config` is the whole file. `loading` makes a `Config` of the file and the
EDGEWARD_* variables. The sentence under a setting is its description: `edgeward config show`, config/edgeward.toml and
docs/settings.md repeat it, and tests compare them.
"""

import base64
import re
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from edgeward import plug_ins
from edgeward.settings.audit_settings import AuditSettings
from edgeward.settings.cache_settings import AnyCache
from edgeward.settings.guard_settings import GuardSettings
from edgeward.settings.import_settings import ImportSettings
from edgeward.settings.scan_settings import ScanException
from edgeward.settings.secret_types import SecretMark, SecretUrl, UrlMark, check_length, read_secret
from edgeward.settings.setting_types import BaseUrl, HostPort, HttpUrl, Section
from edgeward.types import COMPONENTS_OF_COMPOSITE, COMPOSITE_TYPE, Flaw, Reason

STORE_SCHEMES = ("redis", "rediss", "unix", "redis+sentinel", "rediss+sentinel", "redis+cluster", "rediss+cluster")
SIGNAL_TYPES = ("sha256", "sha1", "md5", "pdq", "phash", "dhash")
"""Signal types that ship with Edgeward and are computed from pixels or bytes."""
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
"""RFC 9110, 5.6.2: names of methods and headers."""
WEBHOOK_KEY_PREFIX = "whsec_"
"""Marks a base64 signing key, as Standard Webhooks writes it."""
WEBHOOK_KEY_LENGTH = 16
"""Minimum characters of a signing key, or bytes of one in base64."""

type AdminHost = Annotated[str, Field(pattern=r"^(\*|(\*\.)?[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*)$")]
type PolicyDecision = Literal["deliver", "block"]


def _check_store_url(value: str) -> str:
    try:
        scheme = urlsplit(value).scheme
    except ValueError:
        scheme = ""
    if value != "embedded" and scheme not in STORE_SCHEMES:
        schemes = ", ".join(f"{scheme}://" for scheme in STORE_SCHEMES)
        raise ValueError(f"must be 'embedded' or a URL with one of {schemes}")
    return SecretUrl(value)


def _check_signals(value: tuple[str, ...]) -> tuple[str, ...]:
    if COMPOSITE_TYPE in value:
        components = " and ".join(map(repr, COMPONENTS_OF_COMPOSITE))
        raise ValueError(f"{COMPOSITE_TYPE!r} is composed of other types: name {components} instead")
    others = sorted(set(value) - set(SIGNAL_TYPES))
    if others:  # only then are entry points read: that takes milliseconds
        installed = plug_ins.installed_names(plug_ins.SIGNAL_GROUP)
        if unknown := [name for name in others if name not in installed]:
            known = ", ".join((*SIGNAL_TYPES, *installed))
            raise ValueError(f"unknown signal type {unknown[0]!r}; known are {known}")
    if "sha256" not in value:
        raise ValueError("'sha256' is missing: it identifies an image")
    return value


def _check_state_dir(value: object) -> object:
    if value == "":
        raise ValueError("must not be empty: write . for the directory of the file")
    return value


def _check_method(value: str) -> str:
    """Methods are tokens, and told apart by case: a client's GET is not "get" (RFC 9110, 9.1)."""
    if not _TOKEN.fullmatch(value) or value != value.upper():
        raise ValueError(f"{value!r} is not a method in capitals, such as 'GET'")
    return value


def _check_header(value: str) -> str:
    if not _TOKEN.fullmatch(value):
        raise ValueError(f"{value!r} is not the name of a header")
    return value


def _check_webhook_key(value: str) -> str:
    """A signing key, once it is read from a variable or a file: long enough to resist guessing."""
    secret = read_secret(value)
    check_length(secret, WEBHOOK_KEY_LENGTH)
    if secret.startswith(WEBHOOK_KEY_PREFIX):
        text = secret.removeprefix(WEBHOOK_KEY_PREFIX)
        try:
            key = base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
        except ValueError:
            raise ValueError(f"the text after {WEBHOOK_KEY_PREFIX} is not base64") from None
        if len(key) < WEBHOOK_KEY_LENGTH:
            raise ValueError(f"the key after {WEBHOOK_KEY_PREFIX} needs at least {WEBHOOK_KEY_LENGTH} bytes")
    return secret


def plain_host(host: str) -> str:
    """A host in the form that all its spellings share: small letters, no dot at the end, no default port
    (RFC 9110, 4.2.3)."""
    return re.sub(r"(:(80|443)?|\.)+$", "", host.lower())


class ProxySettings(Section):
    """The proxy's address, upstream, placement and number of processes."""

    listen: HostPort = "127.0.0.1:8080"
    """HOST:PORT that clients (front) or the cache (fill) connect to. Port 0 picks a free port."""
    upstream: BaseUrl = "http://127.0.0.1:6081"
    """Where Edgeward forwards requests: the cache (front) or the origin (fill)."""
    placement: Literal["front", "fill"] = "front"
    """front: client -> Edgeward -> cache -> origin. fill: client -> cache -> Edgeward -> origin."""
    workers: int = Field(default=2, ge=1, le=256)
    """Proxy processes that share the port. About one per core."""
    drain_seconds: float = Field(default=10.0, ge=0, le=3600)
    """Maximum time to finish responses in progress when a worker is told to stop, in seconds."""
    idle_seconds: int = Field(default=75, ge=1, le=86400)
    """Time without traffic after which a connection is closed, in seconds."""
    connections: int = Field(default=4096, ge=16, le=1_000_000)
    """Client connections of one worker. Beyond it the one that has been idle longest is closed; if none is idle, the
    new one is."""
    body_memory_mb: int = Field(default=256, ge=16, le=1_048_576)
    """Memory of one worker for the bodies that it has in hand, in MiB: arriving, being checked, or not yet read by
    their client. A single larger body may pass alone. A body that finds no room waits up to ten seconds; then
    policy.overloaded decides."""


class StoreSettings(Section):
    """Redis (or Valkey) holds the lists, the sightings and the purge orders."""

    url: Annotated[str, AfterValidator(_check_store_url), UrlMark()] = "embedded"
    """'embedded' (Edgeward starts a server on a Unix socket in state_dir), redis://, rediss://, unix://,
    redis+sentinel:// (HOST:PORT,HOST:PORT/SERVICE) or redis+cluster:// (HOST:PORT,HOST:PORT). The last two with
    rediss+ for TLS."""
    namespace: str = Field(default="edgeward", pattern=r"^[A-Za-z0-9_.-]{1,64}$")
    """Prefix of every key. Several installations can share a server under different prefixes."""
    timeout_ms: int = Field(default=2000, ge=50, le=60000)
    """Maximum time for one store command, in milliseconds."""
    replicas: int | None = Field(default=None, ge=0, le=10)
    """Replicas that must confirm a list change or purge order (WAIT) before Edgeward acknowledges it. Not set: 1 for
    a Sentinel set or a cluster, else 0."""


class HashingSettings(Section):
    """How images are hashed, and what one image may cost. Each is hashed in an isolated process."""

    signals: Annotated[tuple[str, ...], AfterValidator(_check_signals), Field(strict=False)] = SIGNAL_TYPES
    """Signal types computed for every image. A type that is installed beside Edgeward must be named here too."""
    max_bytes: int = Field(default=32 * 1024 * 1024, ge=1024, le=1024**3)
    """Largest image that is hashed, in bytes, before and after decompression. policy.too_large decides on larger
    ones."""
    max_pixels: int = Field(default=64_000_000, ge=4096, le=1_000_000_000)
    """Largest image that is hashed, in pixels (width x height). policy.too_many_pixels decides on larger ones."""
    max_frames: int = Field(default=16, ge=1, le=1000)
    """Distinct frames or pages of one image that are hashed, from the first on. A frame that hardly differs from the
    one before is not counted. If there are more and the hashed ones match nothing, policy.too_many_frames
    decides."""
    min_quality: int = Field(default=50, ge=0, le=100)
    """Below this PDQ quality an image gets digests only, and policy.flat decides; entries below it never match."""
    data_uris: bool = False
    """Also look for images in data: URIs of HTML, CSS and XML other than SVG. Such a document is held back until it
    is judged, and a listed image in it blocks the whole document."""
    timeout_ms: int = Field(default=5000, ge=50, le=60000)
    """Maximum time to hash one image, in milliseconds. A hasher that takes longer is killed; policy.timeout decides."""
    processes: int = Field(default=2, ge=1, le=64)
    """Isolated hasher processes per proxy worker."""
    memory_mb: int = Field(default=1024, ge=384, le=65536)
    """Address space limit of one hasher, in MiB; 200 are used before the first image. Beyond it policy.crashed
    decides."""
    queue: int = Field(default=256, ge=1, le=100_000)
    """Images that may wait for a hasher in one worker. When the queue is full, policy.overloaded decides."""


class PolicySettings(Section):
    """What happens to an image that cannot be checked, and which requests are refused.

    Each flaw of an image has a key here: the image is delivered or blocked, and counted under that reason.
    """

    too_large: PolicyDecision = "block"
    """An image over hashing.max_bytes. It is not read to its end, so its digests are not known, and no list matches it:
    with `deliver`, a cache may hold it after a listing that says `nothing`."""
    too_many_pixels: PolicyDecision = "block"
    """An image over hashing.max_pixels."""
    undecodable: PolicyDecision = "deliver"
    """Bytes that begin like an image but that no decoder can read. Digests are still matched."""
    unsupported: PolicyDecision = "deliver"
    """A known image format that Edgeward cannot decode. Digests are still matched."""
    bad_coding: PolicyDecision = "block"
    """A body that is declared as an image, or looks like one, with a broken or unknown content-coding."""
    timeout: PolicyDecision = "block"
    """An image that took a hasher longer than hashing.timeout_ms."""
    crashed: PolicyDecision = "block"
    """An image on which a hasher crashed or ran out of memory, or an installed signal type failed."""
    overloaded: PolicyDecision = "block"
    """An image that found every hasher busy and the queue full, or no memory (proxy.body_memory_mb)."""
    too_many_frames: PolicyDecision = "deliver"
    """An image with more distinct frames than hashing.max_frames, if the hashed ones match nothing."""
    too_small: PolicyDecision = "deliver"
    """An image with a side shorter than 17 pixels. Digests are still matched."""
    flat: PolicyDecision = "deliver"
    """An image with too little detail to tell it from others. Digests are still matched."""
    not_ready: PolicyDecision = "block"
    """An image that arrived before the lists were loaded."""
    store_stale: PolicyDecision = "deliver"
    """An image that matches nothing in a worker that has been cut off from the store for longer than
    policy.store_stale_seconds: it may have been listed since."""
    store_stale_seconds: float = Field(default=60.0, ge=0, le=86400)
    """How long a worker that is cut off from the store delivers what its lists do not have, in seconds. Then
    policy.store_stale decides. With `block` and 0, nothing is delivered that may have been listed meanwhile."""
    error: PolicyDecision = "block"
    """A response that met a defect in Edgeward itself."""
    methods: Annotated[tuple[Annotated[str, AfterValidator(_check_method)], ...], Field(strict=False, min_length=1)] = (
        "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS",
    )  # fmt: skip
    """Allowed methods. All others (PURGE, BAN, ...) get a 405: a cache may trust a purge that comes from this
    host."""
    refused_headers: Annotated[tuple[Annotated[str, AfterValidator(_check_header)], ...], Field(strict=False)] = (
        "edgeward-secret", "edgeward-forget", "xkey-purge", "xkey-softpurge", "x-ban-url", "x-ban-tag", "x-ban-path",
        "x-purge", "x-purge-regex", "x-refresh", "ats-purger", "fastly-soft-purge", "fastly-key", "x-slice-range",
    )  # fmt: skip
    """Request headers that can purge or refresh a cache. A request with one of them gets a 403."""
    blocked_by: HttpUrl | None = None
    """URL of the blocking party, for the `Link: rel="blocked-by"` header of RFC 7725. Not set: no such header."""
    recheck_seconds: float = Field(default=60.0, ge=0, le=86400)
    """How long a target known to hold a listed image is refused without asking the upstream, in seconds."""


class PurgeSettings(Section):
    """How copies are removed from caches. An order is retried until the cache has carried it out."""

    repeat_seconds: Annotated[tuple[Annotated[float, Field(gt=0, le=86400)], ...], Field(strict=False)] = (
        1.0,
        5.0,
        60.0,
    )
    """Each purge is repeated after these delays, in seconds: a fetch in progress may have cached the
    image again."""
    backoff_max_seconds: float = Field(default=15.0, ge=0.1, le=3600)
    """Longest pause between two attempts at a cache that does not answer, in seconds."""
    keep_days: float = Field(default=30.0, gt=0, le=3650)
    """How long finished orders and their outcomes are kept, in days."""
    check_keys_seconds: float = Field(default=900.0, ge=0, le=86400)
    """Each self-hosted cache is tested so often, in seconds, with a harmless object: does a purge remove it for phones,
    other languages and schemes too? 0: never."""


class SightingsSettings(Section):
    """Which target served which image: a new entry is matched against these (retromatching)."""

    keep_days: float = Field(default=30.0, gt=0, le=3650)
    """How long a target is remembered after it was last served, in days."""
    refresh_seconds: float = Field(default=3600.0, ge=1, le=86400)
    """Minimum time between two writes of one sighting, in seconds. A second request is written at once: targets that
    were requested only once are forgotten first."""
    max_bytes: int | None = Field(default=None, ge=1024 * 1024)
    """Memory of a store server (used_memory, in bytes) at which no new sightings are written, so that lists find room.
    At most three quarters of its maxmemory. Not set: that, or half of the machine's memory if it has no maxmemory."""


class SweepSettings(Section):
    """Origin check: images that the origin has removed are purged from the caches."""

    enabled: bool = True
    """Check served images at the origin and purge those that the origin has removed. Needs a known origin:
    [[hosts]] or, in placement fill, proxy.upstream."""
    within_seconds: float = Field(default=60.0, ge=1, le=86400)
    """Maximum delay between removal at the origin and the purge, for an image still requested, in seconds."""
    share: float = Field(default=0.01, gt=0, le=1)
    """Maximum requests to origins per image served: 0.01 is one per hundred. No limit in placement fill, which does not
    see cache hits: there only per_second limits the requests."""
    per_second: float = Field(default=5.0, gt=0, le=10000)
    """Maximum requests per second to one host's origin."""
    timeout_ms: int = Field(default=5000, ge=50, le=60000)
    """Maximum time for an origin to answer, in milliseconds. A slower one counts as down: nothing is purged."""
    private: Literal["purge", "keep"] = "purge"
    """What happens to an image for which the origin answers 400, 401, 403 or a redirect to a log-in page, where it
    answered 200 before. purge: it is purged after a second look. keep: it is only counted."""
    hold_seconds: float = Field(default=3600.0, ge=0, le=604800)
    """How long nothing is purged when most images of a host are removed or refused at once, in seconds: that may be a
    mistake of the host. It ends when the host has an image again that it had before. An alert tells you. 0: never."""
    hold_share: float = Field(default=0.5, gt=0, le=1)
    """Share of removals among the last checks of a host beyond which that is so, from the sixth removal on."""


class HostSettings(Section):
    """Settings of one host."""

    name: str = Field(pattern=r"^[A-Za-z0-9*_.\[\]:-]{1,255}$")
    """Host that clients request, with its port unless that is the scheme's default. "*" stands for all others."""
    origin: BaseUrl
    """URL of this host's origin, reached directly and not through a cache."""


class WebhookSettings(Section):
    """One sender that may report takedowns by a signed request."""

    name: str = Field(pattern=r"^[A-Za-z0-9_.@-]{1,64}$")
    """Name of the sender in takedowns, orders and the audit trail."""
    secret: Annotated[str, AfterValidator(_check_webhook_key), SecretMark()]
    """Signing key (HMAC-SHA256, Standard Webhooks). May be "env:NAME" or "file:PATH"."""
    hosts: Annotated[tuple[str, ...], Field(strict=False, min_length=1)]
    """Hosts whose images the sender may take down. ["*"] allows every host."""
    lists: Annotated[tuple[str, ...], Field(strict=False)] = ()
    """Lists that the sender may add hashes to."""


class ClassifierSettings(Section):
    """One model of the operator. It looks at images on no list; its labels are for review and block nothing."""

    name: str = Field(pattern=r"^[a-z][a-z0-9_-]{0,31}$")
    """Name of its entry point."""
    sample: float = Field(default=0.01, ge=0, le=1)
    """Share of the images on no list that the classifier sees: 0.01 is one per hundred. It sees each image once."""
    threshold: float = Field(default=0.8, ge=0, le=1)
    """Minimum score at which a label makes an incident."""
    memory_mb: int = Field(default=2048, ge=384, le=1_048_576)
    """Address space limit of its process, in MiB; each proxy worker has one such process. Beyond it an image is
    skipped."""
    timeout_ms: int = Field(default=10_000, ge=50, le=600_000)
    """Maximum time for one image, in milliseconds. A process that takes longer is killed."""
    queue: int = Field(default=16, ge=1, le=10_000)
    """Images that may wait for it in one proxy worker, 64 MiB in all. More are skipped."""


class AdminSettings(Section):
    """Admin API, /metrics, /healthz and /readyz."""

    listen: HostPort = "127.0.0.1:8081"
    """HOST:PORT of the admin API and /metrics. Port 0 picks a free port. Keep it off the public internet."""
    hosts: Annotated[tuple[AdminHost, ...], Field(strict=False)] = ()
    """Further names under which clients reach the admin API and /metrics, without a port. "*.example.org" stands for
    all below example.org, "*" for every name. IP addresses, loopback names and the host of `listen` need no entry; a
    request for another name gets a 421, as a web page may be behind it (DNS rebinding)."""


class Config(Section):
    """All settings: the whole file. The section classes above are its tables."""

    state_dir: Annotated[Path, BeforeValidator(_check_state_dir)] = Field(default=Path(".state"), strict=False)
    """Directory for the embedded store, the journal of requests in progress, process metrics and the local API
    token."""
    proxy: ProxySettings = ProxySettings()
    store: StoreSettings = StoreSettings()
    caches: Annotated[tuple[AnyCache, ...], Field(strict=False)] = ()
    """The cache nodes that purges go to. An array of tables."""
    hosts: Annotated[tuple[HostSettings, ...], Field(strict=False)] = ()
    """Settings per host. An array of tables."""
    webhooks: Annotated[tuple[WebhookSettings, ...], Field(strict=False)] = ()
    """Senders that may report takedowns by a signed request. An array of tables."""
    classifiers: Annotated[tuple[ClassifierSettings, ...], Field(strict=False)] = ()
    """Models of the operator that look at images on no list. An array of tables."""
    scan_exceptions: Annotated[tuple[ScanException, ...], Field(strict=False)] = ()
    """URLs at which nothing is scanned. An array of tables."""
    hashing: HashingSettings = HashingSettings()
    policy: PolicySettings = PolicySettings()
    purge: PurgeSettings = PurgeSettings()
    sightings: SightingsSettings = SightingsSettings()
    sweep: SweepSettings = SweepSettings()
    audit: AuditSettings = AuditSettings()
    admin: AdminSettings = AdminSettings()
    imports: ImportSettings = ImportSettings()
    guard: GuardSettings = GuardSettings()

    @model_validator(mode="after")
    def _names_are_unique(self) -> "Config":
        for key in ("caches", "hosts", "webhooks", "classifiers"):
            names = [plain_host(table.name) if key == "hosts" else table.name for table in getattr(self, key)]
            repeated = sorted({name for name in names if names.count(name) > 1})
            if repeated:
                raise ValueError(f"{key}: the name {repeated[0]!r} is used twice")
        return self

    def origin_of(self, host: str) -> str | None:
        """The base URL of a host's origin, reached without a cache; None if it is not known."""
        origins = {plain_host(each.name): each.origin for each in self.hosts}
        found = origins.get(plain_host(host)) or origins.get("*")
        return found or (self.proxy.upstream if self.proxy.placement == "fill" else None)

    def decide(self, reason: Reason | Flaw) -> PolicyDecision:
        """What the operator wants done with an image that could not be checked.

        `reason`: a Flaw, Reason.NOT_READY, STORE_STALE or ERROR. Each of them is a key of [policy].
        """
        decision: PolicyDecision = getattr(self.policy, str(reason))
        return decision

    @property
    def store_url(self) -> str:
        """The URL that clients of the store connect to. For "embedded" it is that of the Unix socket."""
        if self.store.url != "embedded":
            return self.store.url
        return f"unix://{self.socket_path}"

    @property
    def socket_path(self) -> Path:
        """The embedded store's Unix socket."""
        return self.state_dir.absolute() / "store.sock"
