"""What is said about an impossible setting."""

from pathlib import Path

import pytest

from edgeward.config import load
from edgeward.errors import ConfigError

VARNISH = "[[caches]]\nname = 'a'\ndriver = 'varnish'\nurl = 'http://a'\n"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (VARNISH + "nope = 1", "unknown key caches.0.nope"),
        (VARNISH.replace("varnish", "memcached"), "caches.0.driver = 'memcached' is none of varnish, nginx"),
        (VARNISH.replace("driver = 'varnish'", ""), "caches.0.driver is missing: one of varnish"),
        (VARNISH + "tier = 11", "caches.0.tier = 11"),
        ("[[caches]]\nname = 'a'\ndriver = 'fastly'\ntoken = 't'", "caches.0.service is missing"),
        (VARNISH + "secret = 'env:NOT_SET_ANYWHERE'", "caches.0.secret: the variable 'NOT_SET_ANYWHERE' is not set"),
        ("caches = 3", "caches = 3"),
    ],
)
def test_the_key_is_named(tmp_path: Path, text: str, said: str) -> None:
    """The complaint names the key as it stands in the file, and what is possible."""
    path = tmp_path / "edgeward.toml"
    path.write_text(text)
    with pytest.raises(ConfigError) as caught:
        load(path, {})
    assert said in str(caught.value)


@pytest.mark.parametrize(
    "text",
    [
        VARNISH + "secret = 12345",
        VARNISH.replace("varnish", "memcached") + "secret = 'hush'",
        "[[webhooks]]\nname = 'a'\nsecret = 'hush'\nhosts = ['*']",
        "[[webhooks]]\nname = 'a'\nsecret = 'hush and much more'\nhosts = []",
        "[[caches]]\nname = 'a'\ndriver = 'generic'\nurl = 'http://a'\nheaders = { K = 'hush', L = 1 }",
        "[[caches]]\nname = 'a'\ndriver = 'varnish'\nurl = 'http://u:hush@a/x'",
    ],
)
def test_a_secret_is_never_repeated(tmp_path: Path, text: str) -> None:
    """Whatever is wrong, and whatever the table holds beside it."""
    path = tmp_path / "edgeward.toml"
    path.write_text(text)
    with pytest.raises(ConfigError) as caught:
        load(path, {})
    assert "hush" not in str(caught.value)
    assert "12345" not in str(caught.value)
