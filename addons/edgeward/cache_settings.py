"""The settings of each kind of cache node: one class per driver, told apart by the key `driver`."""

from collections.abc import Iterable
from typing import Annotated, ClassVar, Literal, Self

from pydantic import AfterValidator, Field, TypeAdapter, model_validator

from edgeward.fields import Address, ApiUrl, BaseUrl, Hidden, Section, secret_value

type Token = Annotated[str, Field(min_length=1)]


class CacheSettings(Section):
    """What every cache node has."""

    tag_header: ClassVar[str] = ""
    """The response header that this kind of cache takes tags from; "" where it knows none."""

    name: str = Field(pattern=r"^[A-Za-z0-9_.-]{1,64}$")
    """Name in metrics, logs and outcomes."""
    driver: str
    """How it is purged."""
    url: str
    """Where it takes purges."""
    tier: int = Field(default=0, ge=0, le=9)
    """Distance from the origin: the caches of a lower tier are purged before those of a higher one."""
    timeout_ms: int = Field(default=2000, ge=50, le=60000)
    """How long one purge may take, in milliseconds."""


class LocalCache(CacheSettings):
    """A cache of one's own, purged over HTTP at its own address."""

    url: BaseUrl
    """Where it takes purges: its own address, or that of its purge listener."""
    secret: Annotated[str, AfterValidator(secret_value), Hidden()] = ""
    """Sent as the header Edgeward-Secret with every purge. "env:NAME" or "file:PATH" says where it is."""
    serves: BaseUrl | None = None
    """Where it serves clients, for `edgeward doctor` to try it. None: at `url`."""


class VarnishCache(LocalCache):
    tag_header: ClassVar[str] = "xkey"
    driver: Literal["varnish"]
    """Varnish with deploy/varnish/edgeward.vcl."""
    tags: bool = False
    """It takes purges by tag: edgeward-tags.vcl (vmod xkey) is included. For placement fill."""
    bans: bool = False
    """It takes purges of a prefix: edgeward-bans.vcl is included."""


class NginxCache(LocalCache):
    driver: Literal["nginx"]
    """nginx with ngx_http_cache_purge and a purge listener."""
    slice_bytes: int = Field(default=0, ge=0, le=1024**3)
    """Size of the slices that it stores (edgeward-slice.conf), in bytes. 0: it stores whole responses."""


class NginxPlusCache(LocalCache):
    driver: Literal["nginx-plus"]
    """nginx Plus with proxy_cache_purge."""


class SquidCache(LocalCache):
    driver: Literal["squid"]
    """Squid."""
    htcp: Address | None = None
    """HOST:PORT where it takes HTCP CLR messages (UDP), sent beside the PURGE. None: none are sent."""


class TrafficServerCache(LocalCache):
    driver: Literal["trafficserver"]
    """Apache Traffic Server."""


class SouinCache(LocalCache):
    tag_header: ClassVar[str] = "Surrogate-Key"
    driver: Literal["souin"]
    """Souin, also as Caddy's cache-handler."""
    api_path: str = Field(default="/souin-api/souin", pattern=r"^(/[A-Za-z0-9_.-]+)+$")
    """Where its purge API lies at that address."""
    tags: bool = False
    """It stores under the surrogate keys that Edgeward gives in placement fill: purge by them too."""


class VendorCache(CacheSettings):
    """A CDN, purged through its API."""

    tags: bool = False
    """What it stores comes through Edgeward in placement fill, which tags it: purge by tag too."""
    timeout_ms: int = Field(default=10000, ge=50, le=60000)
    """How long one call of its API may take, in milliseconds."""
    per_second: float | None = Field(default=None, gt=0, le=10000)
    """Calls of its API in a second, where your contract allows another number than the documented default."""


class CloudflareCache(VendorCache):
    tag_header: ClassVar[str] = "Cache-Tag"
    driver: Literal["cloudflare"]
    """Cloudflare."""
    url: ApiUrl = "https://api.cloudflare.com/client/v4"
    """Base of its API."""
    zone: str = Field(pattern=r"^[0-9a-f]{32}$")
    """Zone id."""
    token: Annotated[Token, AfterValidator(secret_value), Hidden()]
    """API token with the permission Cache Purge. "env:NAME" or "file:PATH" says where it is."""


class FastlyCache(VendorCache):
    tag_header: ClassVar[str] = "Surrogate-Key"
    driver: Literal["fastly"]
    """Fastly."""
    url: ApiUrl = "https://api.fastly.com"
    """Base of its API."""
    service: str = Field(pattern=r"^[A-Za-z0-9]{1,64}$")
    """Service id."""
    token: Annotated[Token, AfterValidator(secret_value), Hidden()]
    """API token with the scope purge_select. "env:NAME" or "file:PATH" says where it is."""


class AkamaiCache(VendorCache):
    tag_header: ClassVar[str] = "Edge-Cache-Tag"
    driver: Literal["akamai"]
    """Akamai Fast Purge (CCU v3)."""
    url: ApiUrl
    """The host of your API client: https://akab-....purge.akamaiapis.net."""
    client_token: Annotated[Token, AfterValidator(secret_value), Hidden()]
    """Of the API client's credentials. "env:NAME" or "file:PATH" says where it is."""
    client_secret: Annotated[Token, AfterValidator(secret_value), Hidden()]
    """Of the API client's credentials. "env:NAME" or "file:PATH" says where it is."""
    access_token: Annotated[Token, AfterValidator(secret_value), Hidden()]
    """Of the API client's credentials. "env:NAME" or "file:PATH" says where it is."""
    network: Literal["production", "staging"] = "production"
    """Which network to purge."""


class CloudFrontCache(VendorCache):
    tag_header: ClassVar[str] = "Cache-Tag"
    driver: Literal["cloudfront"]
    """Amazon CloudFront. For `tags` its CacheTagConfig must name the header Cache-Tag."""
    url: ApiUrl = "https://cloudfront.amazonaws.com"
    """Base of its API."""
    distribution: str = Field(pattern=r"^[A-Z0-9]{1,32}$")
    """Distribution id."""
    access_key: Annotated[Token, AfterValidator(secret_value), Hidden()]
    """Access key id of a user that may create and get invalidations. "env:NAME" or "file:PATH" says where it is."""
    secret_key: Annotated[Token, AfterValidator(secret_value), Hidden()]
    """Its secret access key. "env:NAME" or "file:PATH" says where it is."""
    session_token: Annotated[str, AfterValidator(secret_value), Hidden()] = ""
    """Session token of temporary credentials. "env:NAME" or "file:PATH" says where it is."""


class GoogleCache(VendorCache):
    tag_header: ClassVar[str] = "Cache-Tag"
    driver: Literal["google"]
    """Google Cloud CDN."""
    url: ApiUrl = "https://compute.googleapis.com/compute/v1"
    """Base of its API."""
    project: str = Field(pattern=r"^[a-z0-9:.-]{1,128}$")
    """Project id."""
    url_map: str = Field(pattern=r"^[a-z]([-a-z0-9]{0,61}[a-z0-9])?$")
    """Name of the URL map whose responses are cached."""
    credentials: Annotated[Token, AfterValidator(secret_value), Hidden()]
    """The JSON key of a service account that may invalidate: "file:PATH" says where it is."""


class BunnyCache(VendorCache):
    tag_header: ClassVar[str] = "CDN-Tag"
    driver: Literal["bunny"]
    """bunny.net."""
    url: ApiUrl = "https://api.bunny.net"
    """Base of its API."""
    token: Annotated[Token, AfterValidator(secret_value), Hidden()]
    """Account API key. "env:NAME" or "file:PATH" says where it is."""
    pull_zone: int | None = Field(default=None, gt=0)
    """Id of the pull zone, for purges by tag."""

    @model_validator(mode="after")
    def _tags_need_a_pull_zone(self) -> Self:
        if self.tags and self.pull_zone is None:
            raise ValueError("tags = true needs pull_zone: tags are purged in a pull zone")
        return self


class KeyCdnCache(VendorCache):
    tag_header: ClassVar[str] = "Cache-Tag"
    driver: Literal["keycdn"]
    """KeyCDN."""
    url: ApiUrl = "https://api.keycdn.com"
    """Base of its API."""
    zone: int = Field(gt=0)
    """Zone id."""
    token: Annotated[Token, AfterValidator(secret_value), Hidden()]
    """API key. "env:NAME" or "file:PATH" says where it is."""


class GenericCache(CacheSettings):
    """A cache with an HTTP interface that no other driver knows: one request per URL, written as a template."""

    driver: Literal["generic"]
    """Any cache that takes purges over HTTP."""
    url: ApiUrl
    """Base of its interface."""
    method: str = Field(default="POST", pattern=r"^[A-Z]{1,20}$")
    """Method of the request."""
    path: str = Field(default="/purge?url={url}", pattern=r"^/[\x21-\x7e]*$")
    """Path and query below `url`. {url} {scheme} {host} {path} stand for what is purged, percent-encoded."""
    headers: dict[str, Annotated[str, AfterValidator(secret_value), Hidden()]] = Field(default_factory=dict)
    """Headers of the request; the same words in braces stand for what is purged, as it is. Values are never shown."""
    body: str = ""
    """Body of the request; the same words in braces stand for what is purged, as JSON strings without their quotes."""
    accepted: Annotated[tuple[int, ...], Field(strict=False, min_length=1)] = (200, 201, 202, 204)
    """Statuses that say that it was purged, or will be."""
    gone: Annotated[tuple[int, ...], Field(strict=False)] = (404, 410)
    """Statuses that say that there was nothing to purge."""
    per_second: float | None = Field(default=None, gt=0, le=10000)
    """Requests in a second, at most. None: no limit."""


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

KINDS: tuple[type[CacheSettings], ...] = (
    VarnishCache, NginxCache, NginxPlusCache, SquidCache, TrafficServerCache, SouinCache, CloudflareCache, FastlyCache,
    AkamaiCache, CloudFrontCache, GoogleCache, BunnyCache, KeyCdnCache, GenericCache,
)  # fmt: skip
"""The settings of every driver, in the order of the documentation."""

_ANY: TypeAdapter[AnyCache] = TypeAdapter(AnyCache)


def parse_cache(data: object) -> CacheSettings:
    """The settings of one cache node from plain values. Raises pydantic's ValidationError."""
    return _ANY.validate_python(data)


def driver_of(kind: type[CacheSettings]) -> str:
    """The value of `driver` that a class of settings is for."""
    name: str = kind.model_fields["driver"].annotation.__args__[0]  # type: ignore[union-attr]
    return name


def tag_headers(caches: Iterable[CacheSettings]) -> tuple[str, ...]:
    """The response headers that an image must carry its tag in, for those of these caches that purge by tag."""
    return tuple(sorted({cache.tag_header for cache in caches if cache.tag_header and getattr(cache, "tags", False)}))
