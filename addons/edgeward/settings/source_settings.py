"""The settings of sources: where lists come from by themselves."""

import base64
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, model_validator

from edgeward.settings.secret_types import SecretUrl, UrlMark
from edgeward.settings.setting_types import OptionalSecret, Section

HTTP = ("http://", "https://")
_KEY_BYTES = 2 + 8 + 32
"""Of a public key of minisign: the algorithm, the key's id, and the key."""


def is_url(location: str) -> bool:
    """Whether a location is a URL, and not a path."""
    return location.lower().startswith(HTTP)


def _check_location(value: str) -> str:
    if "://" not in value:
        return value
    try:
        parts = urlsplit(value)
        possible = is_url(value) and parts.hostname and parts.port != 0
    except ValueError:  # a port that is no number, brackets around what is no address
        possible = False
    if not possible:
        raise ValueError("is neither a path nor an http:// or https:// URL")
    return SecretUrl(value)


def _check_key(value: str) -> str:
    try:
        key = base64.b64decode(value, validate=True)
    except ValueError:
        key = b""
    if value and (len(key) != _KEY_BYTES or not key.startswith(b"Ed")):
        raise ValueError("is not the second line of a minisign.pub")
    return value


type Location = Annotated[str, AfterValidator(_check_location), UrlMark()]
"""A path, or an http or https URL."""


class SourceSettings(Section):
    """The keys that every source has."""

    name: str = Field(pattern=r"^[A-Za-z0-9_.-]{1,64}$")
    """Name in commands, logs and metrics. Entries are told apart by it: another name is another source."""
    list: str
    """Name of the list that it fills. The list must exist."""
    every_seconds: float = Field(default=3600.0, ge=1, le=604800)
    """How often it is pulled, in seconds."""
    stale_seconds: float = Field(default=172800.0, ge=60, le=31536000)
    """Age of the last good pull after which an alert tells you, in seconds."""
    timeout_seconds: float = Field(default=3600.0, ge=1, le=86400)
    """Maximum time for one pull, in seconds."""
    skip_bad: bool = False
    """Import the good rows even if others are bad. Else one bad row stops the whole pull, and the old list stays."""


class ListSourceSettings(SourceSettings):
    """A file of hashes that is imported by itself, from a path or a URL."""

    location: Annotated[Location, Field(min_length=1)]
    """Path, or http:// or https:// URL. A relative path is relative to the working directory of the controller."""
    sync: bool = True
    """The file is the whole list: entries of this source that it lacks are withdrawn. false: it only adds."""
    max_removal_share: float = Field(default=0.3, ge=0, le=1)
    """A file that lacks more than this share of the source's entries (and more than 20) is refused until somebody
    allows it. One without a hash always is."""
    format: str = ""
    """Format of the file (docs/list-formats.md). Not set: it is recognised, or as the profile of the list says."""
    map: dict[str, str] = Field(default_factory=dict)
    """Of a CSV: which column holds what."""
    separator: str = ""
    """Of a CSV: one character, or "tab". Not set: found out."""
    header: bool | None = None
    """Of a CSV: whether the first line names the columns. Not set: found out."""
    categories: Annotated[tuple[str, ...], Field(strict=False)] = ()
    """Of a VICS file: the categories whose media are listed."""
    type: str | None = None
    """Type of hashes on rows without a type."""
    quality: int | None = Field(default=None, ge=0, le=100)
    """Quality of PDQ hashes on rows without one."""
    username: str = ""
    """Of a URL: user name (HTTP Basic)."""
    password: OptionalSecret = ""
    """Of a URL: password. May be "env:NAME" or "file:PATH"."""
    token: OptionalSecret = ""
    """Of a URL: sent as "Authorization: Bearer TOKEN". May be "env:NAME" or "file:PATH"."""
    redirects: Literal["none", "same_origin", "https"] = "same_origin"
    """Of a URL: redirects that are followed. same_origin: to the same scheme, host and port. https: to any https://
    URL, without the credentials."""
    max_bytes: int = Field(default=16 * 1024**3, ge=1024)
    """Largest file, in bytes, as it is sent. It is kept in state_dir while it is read."""
    public_key: Annotated[str, AfterValidator(_check_key)] = ""
    """Key of minisign with which the file must be signed: the second line of minisign.pub. Not set: no signature."""
    signature: Location = ""
    """Path or URL of the signature. Not set: `location` with .minisig at the end."""
    checksum: Location = ""
    """Path or URL of a file with the SHA-256, as sha256sum writes it. It finds damage, but no forgery."""

    @model_validator(mode="after")
    def _keys_fit(self) -> Self:
        if self.signature and not self.public_key:
            raise ValueError("signature needs public_key")
        if self.token and (self.username or self.password):
            raise ValueError("token and username exclude each other")
        if bool(self.username) != bool(self.password):
            raise ValueError("username and password need each other")
        if (self.token or self.username) and not is_url(self.location):
            raise ValueError("username, password and token are of a URL, and location is a path")
        return self
