"""Every setting in one typed model: default, unit, bounds and meaning.

Settings come from a TOML file; `EDGEWARD_<SECTION>__<KEY>` in the environment overrides one key each
(`EDGEWARD_STATE_DIR` a top-level one, `EDGEWARD_CACHES` the cache nodes as a JSON list). An unknown or impossible value
is a `ConfigError` that names the key.
"""

import base64
import json
import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, Field, ValidationError, model_validator

from edgeward import plug_ins
from edgeward.cache_settings import AnyCache
from edgeward.complaints import explain
from edgeward.errors import ConfigError
from edgeward.fields import Address, BaseUrl, Hidden, HttpUrl, Section, secret_value
from edgeward.types import JOINT, JOINT_OF, Flaw, Reason

PREFIX = "EDGEWARD_"
NOT_SETTINGS = frozenset({"EDGEWARD_CONFIG", "EDGEWARD_API", "EDGEWARD_TOKEN"})
"""Variables of that prefix which are no settings: they tell the commands where to look."""
INTERNAL_PREFIX = "EDGEWARD_INTERNAL_"
"""What the supervisor tells its children."""

STORE_SCHEMES = ("redis", "rediss", "unix", "redis+sentinel", "rediss+sentinel", "redis+cluster", "rediss+cluster")
SIGNAL_TYPES = ("sha256", "sha1", "md5", "pdq", "phash", "dhash")

WEBHOOK_PREFIX = "whsec_"

type Decide = Literal["deliver", "block"]


def _store_url(value: str) -> str:
    if value != "embedded" and urlsplit(value).scheme not in STORE_SCHEMES:
        schemes = ", ".join(f"{scheme}://" for scheme in STORE_SCHEMES)
        raise ValueError(f"neither 'embedded' nor a {schemes} URL")
    return value


def _signals(value: tuple[str, ...]) -> tuple[str, ...]:
    if JOINT in value:
        raise ValueError(f"{JOINT!r} is not hashed but composed: name {' and '.join(map(repr, JOINT_OF))}")
    unknown = sorted(set(value) - set(SIGNAL_TYPES))
    if unknown and (missing := sorted(set(unknown) - set(installed := plug_ins.names(plug_ins.SIGNALS)))):
        known = ", ".join((*SIGNAL_TYPES, *installed))
        raise ValueError(f"unknown signal type {missing[0]!r}; known are {known}")
    if "sha256" not in value:
        raise ValueError("'sha256' must be among them: it is what an image is known by")
    return value


def _webhook_key(value: str) -> str:
    """A plain text, or "whsec_" and a key in base64, as Standard Webhooks writes it."""
    if value.startswith(WEBHOOK_PREFIX):
        try:
            base64.b64decode(value.removeprefix(WEBHOOK_PREFIX), validate=True)
        except ValueError:
            raise ValueError(f"what follows {WEBHOOK_PREFIX} is not base64") from None
    return value


class ProxySettings(Section):
    listen: Address = "127.0.0.1:8080"
    """Where clients (front) or the cache (fill) reach Edgeward, HOST:PORT; port 0 takes a free one."""
    upstream: BaseUrl = "http://127.0.0.1:6081"
    """Where requests go on to: the cache (front) or the origin (fill)."""
    placement: Literal["front", "fill"] = "front"
    """front: client -> Edgeward -> cache -> origin. fill: client -> cache -> Edgeward -> origin."""
    workers: int = Field(default=2, ge=1, le=256)
    """Proxy processes that share the port. About one per core."""
    drain_seconds: float = Field(default=10.0, ge=0, le=3600)
    """How long responses under way may take to end when a worker is asked to stop, in seconds."""
    idle_seconds: int = Field(default=75, ge=1, le=86400)
    """A connection on which nothing has moved for so long is closed, in seconds."""


class StoreSettings(Section):
    url: Annotated[str, AfterValidator(_store_url)] = "embedded"
    """'embedded' (a server started on a Unix socket in state_dir), redis://, rediss://, unix://, redis+sentinel://
    (HOST:PORT,HOST:PORT/SERVICE) or redis+cluster:// (HOST:PORT,HOST:PORT); the last two with rediss+ for TLS."""
    namespace: str = Field(default="edgeward", pattern=r"^[A-Za-z0-9_.-]{1,64}$")
    """Prefix of every key, so that several Edgewards can share a server."""
    timeout_ms: int = Field(default=2000, ge=50, le=60000)
    """How long one command to the store may take, in milliseconds."""
    replicas: int | None = Field(default=None, ge=0, le=10)
    """Replicas that must have a change of the lists or a purge order before it is acknowledged (WAIT). None: one where
    the URL is of a Sentinel set or a cluster, else none."""


class HashingSettings(Section):
    signals: Annotated[tuple[str, ...], AfterValidator(_signals), Field(strict=False)] = SIGNAL_TYPES
    """Signal types that are computed of every image. One that is installed beside Edgeward must be named here too."""
    max_bytes: int = Field(default=32 * 1024 * 1024, ge=1024, le=1024**3)
    """Images of more bytes, coded or decoded, are not hashed: policy.too_large decides."""
    max_pixels: int = Field(default=64_000_000, ge=4096, le=1_000_000_000)
    """Images of more pixels (width x height) are not hashed: policy.too_many_pixels decides."""
    max_frames: int = Field(default=16, ge=1, le=1000)
    """Distinct frames or pages of one image that are hashed, from the first on; one that hardly differs from the one
    before it does not count. With more of them policy.too_many_frames decides, if the first match nothing."""
    min_quality: int = Field(default=50, ge=0, le=100)
    """A picture whose PDQ has less quality has digests alone: policy.flat decides. Entries of less never match."""
    data_uris: bool = False
    """Look for images in the data: URIs of HTML, CSS and other XML than SVG too. Such texts are then held back until
    they are judged, and a listed image blocks the page that it is in."""
    timeout_ms: int = Field(default=5000, ge=50, le=60000)
    """A hasher that works longer on one image is ended, in milliseconds: policy.timeout decides."""
    processes: int = Field(default=2, ge=1, le=64)
    """Isolated hasher processes of each proxy worker."""
    memory_mb: int = Field(default=1024, ge=384, le=65536)
    """Address space of one hasher, in MiB, of which 310 go before the first image. Beyond it policy.crashed decides."""
    queue: int = Field(default=256, ge=1, le=100_000)
    """Images that may wait for a hasher in one worker; one more is policy.overloaded."""


class PolicySettings(Section):
    too_large: Decide = "block"
    """An image over hashing.max_bytes: deliver or block. It is not read to its end, so its digests are not known."""
    too_many_pixels: Decide = "block"
    """An image over hashing.max_pixels."""
    undecodable: Decide = "deliver"
    """Bytes that begin like an image but that no decoder reads. Digests are matched all the same."""
    unsupported: Decide = "deliver"
    """A known image format without a decoder here. Digests are matched all the same."""
    bad_coding: Decide = "block"
    """A body whose content-coding is broken or unknown and which is declared, or looks like, an image."""
    timeout: Decide = "block"
    """An image on which a hasher ran out of time."""
    crashed: Decide = "block"
    """An image on which a hasher crashed or ran out of memory, or on which an installed signal type failed."""
    overloaded: Decide = "block"
    """An image that found every hasher busy and the queue full."""
    too_many_frames: Decide = "deliver"
    """An image with more distinct frames than hashing.max_frames, of which the first match nothing."""
    too_small: Decide = "deliver"
    """An image with a side of less than 17 pixels. Digests are matched all the same."""
    flat: Decide = "deliver"
    """An image in which too little happens to be told from others. Digests are matched all the same."""
    not_ready: Decide = "block"
    """An image that came before the lists were loaded."""
    error: Decide = "block"
    """A defect of Edgeward itself."""
    methods: Annotated[tuple[str, ...], Field(strict=False)] = (
        "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS",
    )  # fmt: skip
    """Methods that pass. All others (PURGE, BAN, ...) get a 405: a cache may take this host's word for them."""
    refused_headers: Annotated[tuple[str, ...], Field(strict=False)] = (
        "edgeward-secret", "edgeward-forget", "xkey-purge", "xkey-softpurge", "x-ban-url", "x-ban-tag", "x-ban-path",
        "x-purge", "x-purge-regex", "x-refresh", "ats-purger", "fastly-soft-purge", "fastly-key", "x-slice-range",
    )  # fmt: skip
    """Request headers that can purge or refresh a cache: a request that carries one is refused with 403."""
    blocked_by: HttpUrl | None = None
    """URL of who blocks, for the `Link: rel="blocked-by"` header of RFC 7725. None: no such header."""
    recheck_seconds: float = Field(default=60.0, ge=0, le=86400)
    """How long a target known to hold a listed image is refused without asking the upstream again, in seconds."""


class PurgeSettings(Section):
    repeat_seconds: Annotated[tuple[Annotated[float, Field(gt=0, le=86400)], ...], Field(strict=False)] = (
        1.0,
        5.0,
        60.0,
    )
    """When each purge is repeated, in seconds after the first: fetches under way may have cached the image again."""
    backoff_max_seconds: float = Field(default=15.0, ge=0.1, le=3600)
    """Longest pause between two tries at a cache that does not answer, in seconds."""
    keep_days: float = Field(default=30.0, gt=0, le=3650)
    """How long finished orders and their outcomes are kept, in days."""


class SightingsSettings(Section):
    keep_days: float = Field(default=30.0, gt=0, le=3650)
    """How long a target is remembered after it was last served, in days."""
    refresh_seconds: float = Field(default=3600.0, ge=1, le=86400)
    """A target that goes on serving the same image is written again so rarely, in seconds."""


class SweepSettings(Section):
    enabled: bool = True
    """Re-check at the origin what is being served, and purge what the origin has removed. It is done for hosts whose
    origin is known: [[hosts]], or in placement fill proxy.upstream."""
    within_seconds: float = Field(default=60.0, ge=1, le=86400)
    """An image that goes on being served is gone so long after the origin removed it, in seconds."""
    share: float = Field(default=0.01, gt=0, le=1)
    """Requests to the origin per response served, at most: 0.01 is one per hundred."""
    per_second: float = Field(default=5.0, gt=0, le=10000)
    """Requests to one host's origin in a second, at most."""
    timeout_ms: int = Field(default=5000, ge=50, le=60000)
    """How long an origin may take to answer, in milliseconds. One that takes longer is down: nothing is purged."""


class HostSettings(Section):
    name: str = Field(pattern=r"^[A-Za-z0-9*_.\[\]:-]{1,255}$")
    """Host as clients ask for it, with its port where that is not the scheme's own. "*" stands for all others."""
    origin: BaseUrl
    """Where this host's origin answers, past every cache."""


class WebhookSettings(Section):
    name: str = Field(pattern=r"^[A-Za-z0-9_.@-]{1,64}$")
    """Who sends: the name in takedowns, orders and the audit trail."""
    secret: Annotated[str, Field(min_length=16), AfterValidator(secret_value), AfterValidator(_webhook_key), Hidden()]
    """Key of the signature (HMAC-SHA256 as in Standard Webhooks). "env:NAME" or "file:PATH" says where it is."""
    hosts: Annotated[tuple[str, ...], Field(strict=False, min_length=1)]
    """Hosts whose images the sender may take down. ["*"]: of every host."""
    lists: Annotated[tuple[str, ...], Field(strict=False)] = ()
    """Lists that the sender may add hashes to."""


class ClassifierSettings(Section):
    name: str = Field(pattern=r"^[a-z][a-z0-9_-]{0,31}$")
    """Name of its entry point."""
    sample: float = Field(default=0.01, ge=0, le=1)
    """Share of the images that no list knows which it looks at: 0.01 is one per hundred. Each is looked at once."""
    threshold: float = Field(default=0.8, ge=0, le=1)
    """A label with this score or a higher one makes an incident."""
    memory_mb: int = Field(default=2048, ge=384, le=1_048_576)
    """Address space of its process, in MiB, of which each proxy worker has one. Beyond it an image is given up."""
    timeout_ms: int = Field(default=10_000, ge=50, le=600_000)
    """A process that works longer on one image is ended, in milliseconds."""
    queue: int = Field(default=16, ge=1, le=10_000)
    """Images that may wait for it in one proxy worker, with 64 MiB in all; more are not looked at."""


class AdminSettings(Section):
    listen: Address = "127.0.0.1:8081"
    """Where the admin API and /metrics listen, HOST:PORT; port 0 takes a free one. Keep it off the public net."""


class Config(Section):
    """All settings."""

    state_dir: Path = Field(default=Path(".state"), strict=False)
    """Directory for the embedded store, the requests under way, the metrics of the processes and the local token."""
    proxy: ProxySettings = ProxySettings()
    store: StoreSettings = StoreSettings()
    caches: Annotated[tuple[AnyCache, ...], Field(strict=False)] = ()
    """The cache nodes that purges go to, each one an array table."""
    hosts: Annotated[tuple[HostSettings, ...], Field(strict=False)] = ()
    """What differs from host to host, each one an array table."""
    webhooks: Annotated[tuple[WebhookSettings, ...], Field(strict=False)] = ()
    """Who may report takedowns by a signed request, each one an array table."""
    classifiers: Annotated[tuple[ClassifierSettings, ...], Field(strict=False)] = ()
    """An operator's own models, which look at what no list knows, each one an array table."""
    hashing: HashingSettings = HashingSettings()
    policy: PolicySettings = PolicySettings()
    purge: PurgeSettings = PurgeSettings()
    sightings: SightingsSettings = SightingsSettings()
    sweep: SweepSettings = SweepSettings()
    admin: AdminSettings = AdminSettings()

    @model_validator(mode="after")
    def _names_differ(self) -> "Config":
        for key in ("caches", "hosts", "webhooks", "classifiers"):
            names = [table.name for table in getattr(self, key)]
            twice = sorted({name for name in names if names.count(name) > 1})
            if twice:
                raise ValueError(f"{key}: two are named {twice[0]!r}")
        return self

    def origin_of(self, host: str) -> str | None:
        """The base URL of a host's origin, past every cache; None where it is not known."""
        origins = {each.name.lower(): each.origin for each in self.hosts}
        found = origins.get(host.lower()) or origins.get("*")
        return found or (self.proxy.upstream if self.proxy.placement == "fill" else None)

    def decide(self, reason: Reason | Flaw) -> Decide:
        """The operator's policy for what could not be checked: `reason` is a Flaw, NOT_READY or ERROR."""
        decision: Decide = getattr(self.policy, str(reason))
        return decision

    @property
    def store_url(self) -> str:
        """The URL that clients of the store connect to."""
        if self.store.url != "embedded":
            return self.store.url
        return f"unix://{self.socket_path}"

    @property
    def socket_path(self) -> Path:
        """The embedded store's Unix socket."""
        return self.state_dir.absolute() / "store.sock"


def load(path: Path | None = None, environ: Mapping[str, str] = os.environ) -> Config:
    """Read the settings: defaults, then the file, then the environment.

    A relative `state_dir` is taken from the file's own directory.

    Raises:
        ConfigError: the file is missing, is no TOML, or a key is unknown or impossible; the message names it.
    """
    data = _read(path) if path else {}
    source = str(path) if path else "the environment"
    for name, value in sorted(environ.items()):
        if name.startswith(PREFIX) and name not in NOT_SETTINGS and not name.startswith(INTERNAL_PREFIX):
            _override(data, name, value)
    try:
        return Config.model_validate(data)
    except ValidationError as error:
        raise ConfigError("\n".join(explain(source, problem) for problem in error.errors())) from None


def _read(path: Path) -> dict[str, Any]:
    try:
        data = tomllib.loads(path.read_text())
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: {error}") from None
    state_dir = data.setdefault("state_dir", str(Config().state_dir))
    if isinstance(state_dir, str):
        data["state_dir"] = str(path.absolute().parent / state_dir)
    return data


def _override(data: dict[str, Any], name: str, text: str) -> None:
    keys = name.removeprefix(PREFIX).lower().split("__")
    section = data
    for key in keys[:-1]:
        section = section.setdefault(key, {})
        if not isinstance(section, dict):
            raise ConfigError(f"{name}: {key} is not a section")
    section[keys[-1]] = _parse(keys, name, text)


def _parse(keys: list[str], name: str, text: str) -> Any:
    """The value of a variable by the type of its setting: a string as it is, all else as JSON."""
    model: type[BaseModel] = Config
    for key in keys[:-1]:
        field = model.model_fields.get(key)
        inner = field.annotation if field else None
        if not (isinstance(inner, type) and issubclass(inner, BaseModel)):
            raise ConfigError(f"{name}: unknown setting {'.'.join(keys)}")
        model = inner
    if keys[-1] not in model.model_fields:
        raise ConfigError(f"{name}: unknown setting {'.'.join(keys)}")
    default = model.model_fields[keys[-1]].default
    if isinstance(default, str | Path) or default is None:
        return text
    try:
        return json.loads(text)
    except ValueError:
        raise ConfigError(f"{name}: {text!r} is not {_kind(default)}") from None


def _kind(default: object) -> str:
    return "a JSON list" if isinstance(default, tuple) else "a number"
