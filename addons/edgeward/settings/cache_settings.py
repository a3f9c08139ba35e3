"""The settings of each kind of cache node: one class per driver; the key `driver` selects it."""

from collections.abc import Iterable
from typing import Annotated, ClassVar, Literal, Self

from pydantic import AfterValidator, Field, TypeAdapter, model_validator

from edgeward.settings.secret_types import Secret, SecretMark, SecretUrl, UrlMark
from edgeward.settings.setting_types import ApiUrl, BaseUrl, HostPort, OptionalSecret, RequiredSecret, Section


class CacheSettings(Section):
    """The keys that every cache node has."""

    tag_header: ClassVar[str] = ""
    """The response header in which this kind of cache expects tags; "" if it knows none."""

    name: str = Field(pattern=r"^[A-Za-z0-9_.-]{1,64}$")
    """Name in metrics, logs and outcomes."""
    driver: str
    """How the cache is purged."""
    url: str
    """Where purges are sent."""
    tier: int = Field(default=0, ge=0, le=9)
    """Distance from the origin. Caches of a lower tier are purged before those of a higher one."""
    timeout_ms: int = Field(default=2000, ge=50, le=60000)
    """Maximum time for one purge, in milliseconds."""
    accepted_is_enough: bool = False
    """Count an accepted purge as done for the exit status of --wait, if this cache can't be asked what it holds."""


class SelfHostedCache(CacheSettings):
    """A cache that the operator runs, purged over HTTP at its own address."""

    url: BaseUrl
    """Where purges are sent: the cache's own address, or that of its purge listener."""
    secret: OptionalSecret = ""
    """Sent in the header Edgeward-Secret with every purge. May be "env:NAME" or "file:PATH"."""
    serves: BaseUrl | None = None
    """Where the cache serves clients, for the checks of `edgeward doctor`. Not set: at `url`."""


class VarnishCache(SelfHostedCache):
    tag_header: ClassVar[str] = "xkey"
    driver: Literal["varnish"]
    """Varnish with deploy/varnish/edgeward.vcl."""
    tags: bool = False
    """Purge by tag. Needs placement fill and, in the cache, edgeward-tags.vcl (vmod xkey)."""
    bans: bool = False
    """Purge by prefix. Needs edgeward-bans.vcl in the cache."""


class NginxCache(SelfHostedCache):
    driver: Literal["nginx"]
    """nginx with ngx_http_cache_purge and a purge listener."""
    slice_bytes: int = Field(default=0, ge=0, le=1024**3)
    """Size of the stored slices (edgeward-slice.conf), in bytes. 0: whole responses are stored."""


class NginxPlusCache(SelfHostedCache):
    driver: Literal["nginx-plus"]
    """nginx Plus with proxy_cache_purge."""


class SquidCache(SelfHostedCache):
    driver: Literal["squid"]
    """Squid."""
    htcp: HostPort | None = None
    """HOST:PORT for HTCP CLR messages (UDP), sent in addition to PURGE. Not set: none are sent."""


class TrafficServerCache(SelfHostedCache):
    driver: Literal["trafficserver"]
    """Apache Traffic Server."""


class SouinCache(SelfHostedCache):
    tag_header: ClassVar[str] = "Surrogate-Key"
    driver: Literal["souin"]
    """Souin, also as Caddy's cache-handler."""
    api_path: str = Field(default="/souin-api/souin", pattern=r"^(/[A-Za-z0-9_.-]+)+$")
    """Path of the purge API below `url`."""
    tags: bool = False
    """Purge by surrogate key too. Needs placement fill, in which Edgeward sets the keys."""


class CdnCache(CacheSettings):
    """A CDN, purged through its API."""

    tags: bool = False
    """Purge by tag too. Needs placement fill, in which Edgeward tags each image."""
    timeout_ms: int = Field(default=10000, ge=50, le=60000)
    """Maximum time for one API call, in milliseconds."""
    per_second: float | None = Field(default=None, gt=0, le=10000)
    """Maximum API calls per second, if your contract allows another number. Not set: the documented default."""


class CloudflareCache(CdnCache):
    tag_header: ClassVar[str] = "Cache-Tag"
    driver: Literal["cloudflare"]
    """Cloudflare."""
    url: ApiUrl = "https://api.cloudflare.com/client/v4"
    """Base URL of the API."""
    zone: str = Field(pattern=r"^[0-9a-f]{32}$")
    """Zone id."""
    token: RequiredSecret
    """API token with the permission Cache Purge. May be "env:NAME" or "file:PATH"."""


class FastlyCache(CdnCache):
    tag_header: ClassVar[str] = "Surrogate-Key"
    driver: Literal["fastly"]
    """Fastly."""
    url: ApiUrl = "https://api.fastly.com"
    """Base URL of the API."""
    service: str = Field(pattern=r"^[A-Za-z0-9]{1,64}$")
    """Service id."""
    token: RequiredSecret
    """API token with the scope purge_select. May be "env:NAME" or "file:PATH"."""


class AkamaiCache(CdnCache):
    tag_header: ClassVar[str] = "Edge-Cache-Tag"
    driver: Literal["akamai"]
    """Akamai Fast Purge (CCU v3)."""
    url: ApiUrl
    """URL of your API client's host: https://akab-....purge.akamaiapis.net."""
    client_token: RequiredSecret
    """client_token of your API client. May be "env:NAME" or "file:PATH"."""
    client_secret: RequiredSecret
    """client_secret of your API client. May be "env:NAME" or "file:PATH"."""
    access_token: RequiredSecret
    """access_token of your API client. May be "env:NAME" or "file:PATH"."""
    network: Literal["production", "staging"] = "production"
    """Network to purge."""


class CloudFrontCache(CdnCache):
    tag_header: ClassVar[str] = "Cache-Tag"
    driver: Literal["cloudfront"]
    """Amazon CloudFront. `tags` needs a CacheTagConfig that names the header Cache-Tag."""
    url: ApiUrl = "https://cloudfront.amazonaws.com"
    """Base URL of the API."""
    distribution: str = Field(pattern=r"^[A-Z0-9]{1,32}$")
    """Distribution id."""
    access_key: RequiredSecret
    """Access key id of a user that may create and get invalidations. May be "env:NAME" or "file:PATH"."""
    secret_key: RequiredSecret
    """Secret access key of that user. May be "env:NAME" or "file:PATH"."""
    session_token: OptionalSecret = ""
    """Session token of temporary credentials. May be "env:NAME" or "file:PATH"."""


class GoogleCache(CdnCache):
    tag_header: ClassVar[str] = "Cache-Tag"
    driver: Literal["google"]
    """Google Cloud CDN."""
    url: ApiUrl = "https://compute.googleapis.com/compute/v1"
    """Base URL of the API."""
    project: str = Field(pattern=r"^[a-z0-9:.-]{1,128}$")
    """Project id."""
    url_map: str = Field(pattern=r"^[a-z]([-a-z0-9]{0,61}[a-z0-9])?$")
    """Name of the URL map whose responses are cached."""
    credentials: RequiredSecret
    """JSON key of a service account that may invalidate caches. May be "file:PATH"."""


class BunnyCache(CdnCache):
    tag_header: ClassVar[str] = "CDN-Tag"
    driver: Literal["bunny"]
    """bunny.net."""
    url: ApiUrl = "https://api.bunny.net"
    """Base URL of the API."""
    token: RequiredSecret
    """Account API key. May be "env:NAME" or "file:PATH"."""
    pull_zone: int | None = Field(default=None, gt=0)
    """Id of the pull zone, for purges by tag."""

    @model_validator(mode="after")
    def _tags_need_a_pull_zone(self) -> Self:
        if self.tags and self.pull_zone is None:
            raise ValueError("tags = true needs pull_zone: bunny.net purges tags per pull zone")
        return self


class KeyCdnCache(CdnCache):
    tag_header: ClassVar[str] = "Cache-Tag"
    driver: Literal["keycdn"]
    """KeyCDN."""
    url: ApiUrl = "https://api.keycdn.com"
    """Base URL of the API."""
    zone: int = Field(gt=0)
    """Zone id."""
    token: RequiredSecret
    """API key. May be "env:NAME" or "file:PATH"."""


class GenericCache(CacheSettings):
    """A cache that no other driver knows, purged over HTTP: one request per URL, made from a template."""

    driver: Literal["generic"]
    """Any cache that can be purged over HTTP."""
    url: ApiUrl
    """Base URL of the purge interface."""
    method: str = Field(default="POST", pattern=r"^[A-Z]{1,20}$")
    """Request method."""
    path: Annotated[str, Field(pattern=r"^/[\x21-\x7e]*$"), AfterValidator(SecretUrl), UrlMark()] = "/purge?url={url}"
    """Path and query below `url`. {url} {scheme} {host} {path} are those of the purged target, percent-encoded."""
    headers: dict[str, OptionalSecret] = Field(default_factory=dict)
    """Request headers, with the same placeholders, not encoded. Values are never shown."""
    body: Annotated[str, AfterValidator(Secret), SecretMark()] = ""
    """Request body, with the same placeholders as JSON strings without their quotes. Never shown."""
    accepted: Annotated[tuple[int, ...], Field(strict=False, min_length=1)] = (200, 201, 202, 204)
    """Response statuses that mean: purged, or will be."""
    gone: Annotated[tuple[int, ...], Field(strict=False)] = (404, 410)
    """Response statuses that mean: there was nothing to purge."""
    per_second: float | None = Field(default=None, gt=0, le=10000)
    """Maximum requests per second. Not set: no limit."""


type AnyCache = Annotated[
    VarnishCache
    | NginxCache
    | NginxPlusCache
    | SquidCache
    | TrafficServerCache
    | SouinCache
    | CloudflareCache
    | FastlyCache
    | AkamaiCache
    | CloudFrontCache
    | GoogleCache
    | BunnyCache
    | KeyCdnCache
    | GenericCache,
    Field(discriminator="driver"),
]

CACHE_TYPES: tuple[type[CacheSettings], ...] = (
    VarnishCache, NginxCache, NginxPlusCache, SquidCache, TrafficServerCache, SouinCache, CloudflareCache, FastlyCache,
    AkamaiCache, CloudFrontCache, GoogleCache, BunnyCache, KeyCdnCache, GenericCache,
)  # fmt: skip
"""One class of settings per driver, in the order of the documentation."""

_ANY_CACHE: TypeAdapter[AnyCache] = TypeAdapter(AnyCache)


def parse_cache(data: object) -> CacheSettings:
    """The settings of one cache node from plain values (a dict). Raises pydantic's ValidationError."""
    return _ANY_CACHE.validate_python(data)


def driver_of(kind: type[CacheSettings]) -> str:
    """The value of `driver` that a class of settings is for."""
    name: str = kind.model_fields["driver"].annotation.__args__[0]  # type: ignore[union-attr]
    return name


def tag_headers(caches: Iterable[CacheSettings]) -> tuple[str, ...]:
    """The response headers in which Edgeward must tag each image, for those of `caches` that purge by tag."""
    return tuple(sorted({cache.tag_header for cache in caches if cache.tag_header and getattr(cache, "tags", False)}))
