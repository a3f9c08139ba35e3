"""The settings of each kind of cache."""

from typing import Any

import pytest
from pydantic import ValidationError

from edgeward.cache_settings import KINDS, CacheSettings, driver_of, parse_cache

EXAMPLES: dict[str, dict[str, Any]] = {
    "cloudflare": {"zone": "0" * 32, "token": "t"},
    "fastly": {"service": "abc", "token": "t"},
    "akamai": {"url": "https://a", "client_token": "a", "client_secret": "b", "access_token": "c"},
    "cloudfront": {"distribution": "E1", "access_key": "a", "secret_key": "b"},
    "google": {"project": "p", "url_map": "m", "credentials": "{}"},
    "bunny": {"token": "t"},
    "keycdn": {"zone": 1, "token": "t"},
}


@pytest.mark.parametrize("kind", KINDS, ids=driver_of)
def test_the_driver_tells_the_kind(kind: type[CacheSettings]) -> None:
    """With what has no default given, each kind is found by its driver, and has a default for all else."""
    driver = driver_of(kind)
    data = {"name": "a", "driver": driver, **EXAMPLES.get(driver, {"url": "http://127.0.0.1:1"})}
    assert type(parse_cache(data)) is kind


@pytest.mark.parametrize("kind", KINDS, ids=driver_of)
def test_nothing_unknown_is_let_in(kind: type[CacheSettings]) -> None:
    """A key of another driver is an error, never ignored."""
    driver = driver_of(kind)
    data = {"name": "a", "driver": driver, "nope": 1, **EXAMPLES.get(driver, {"url": "http://127.0.0.1:1"})}
    with pytest.raises(ValidationError, match="nope"):
        parse_cache(data)


def test_every_key_says_what_it_means() -> None:
    """The docs are made of the descriptions."""
    for kind in KINDS:
        assert all(field.description for field in kind.model_fields.values()), kind


def test_tags_need_a_pull_zone() -> None:
    """bunny.net's tags are those of a pull zone: that is said at the start, not at the first purge."""
    with pytest.raises(ValidationError, match="pull_zone"):
        parse_cache({"name": "a", "driver": "bunny", "token": "t", "tags": True})


@pytest.mark.parametrize("secret", ["a\nb", "a\r\nX: b", "a\0"])
def test_a_secret_is_one_line(secret: str) -> None:
    """It goes into a header: what would be two is refused at the start."""
    with pytest.raises(ValidationError, match="line break"):
        parse_cache({"name": "a", "driver": "fastly", "service": "s", "token": secret})
