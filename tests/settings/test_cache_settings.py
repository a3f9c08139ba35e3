"""The settings of each kind of cache."""

from typing import Any

import pytest
from pydantic import ValidationError

from edgeward.settings.cache_settings import CACHE_TYPES, CacheSettings, driver_of, parse_cache
from edgeward.settings.descriptions import descriptions

EXAMPLES: dict[str, dict[str, Any]] = {
    "cloudflare": {"zone": "0" * 32, "token": "t"},
    "fastly": {"service": "abc", "token": "t"},
    "akamai": {"url": "https://a", "client_token": "a", "client_secret": "b", "access_token": "c"},
    "cloudfront": {"distribution": "E1", "access_key": "a", "secret_key": "b"},
    "google": {"project": "p", "url_map": "m", "credentials": "{}"},
    "bunny": {"token": "t"},
    "keycdn": {"zone": 1, "token": "t"},
}


@pytest.mark.parametrize("kind", CACHE_TYPES, ids=driver_of)
def test_the_driver_selects_the_class(kind: type[CacheSettings]) -> None:
    """`driver` selects the class, and every key but those of EXAMPLES has a default."""
    driver = driver_of(kind)
    data = {"name": "a", "driver": driver, **EXAMPLES.get(driver, {"url": "http://127.0.0.1:1"})}
    assert type(parse_cache(data)) is kind


@pytest.mark.parametrize("kind", CACHE_TYPES, ids=driver_of)
def test_unknown_keys_are_refused(kind: type[CacheSettings]) -> None:
    """A key that the driver does not have is an error; it is never ignored."""
    driver = driver_of(kind)
    data = {"name": "a", "driver": driver, "nope": 1, **EXAMPLES.get(driver, {"url": "http://127.0.0.1:1"})}
    with pytest.raises(ValidationError, match="nope"):
        parse_cache(data)


def test_every_key_says_what_it_means() -> None:
    """Each key has a description: the documents repeat it."""
    for kind in CACHE_TYPES:
        assert set(kind.model_fields) == set(descriptions(kind)), kind


def test_tags_need_a_pull_zone() -> None:
    """bunny.net purges tags per pull zone: without one the start fails, not the first purge."""
    with pytest.raises(ValidationError, match="pull_zone"):
        parse_cache({"name": "a", "driver": "bunny", "token": "t", "tags": True})


@pytest.mark.parametrize("secret", ["a\nb", "a\r\nX: b", "a\0"])
def test_a_secret_is_one_line(secret: str) -> None:
    """A secret is sent in a header, so one with a line break is refused at the start."""
    with pytest.raises(ValidationError, match="line break"):
        parse_cache({"name": "a", "driver": "fastly", "service": "s", "token": secret})
