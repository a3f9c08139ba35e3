"""Messages about impossible settings."""

from pathlib import Path

import pytest

from edgeward.errors import ConfigError
from edgeward.settings.loading import load

VARNISH = "[[caches]]\nname = 'a'\ndriver = 'varnish'\nurl = 'http://a'\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (VARNISH + "nope = 1", '[[caches]] number 1 ("a"): unknown key nope'),
        (
            VARNISH.replace("varnish", "memcached"),
            "[[caches]] number 1 (\"a\"): driver = 'memcached' is not one of varnish, nginx",
        ),
        (VARNISH.replace("driver = 'varnish'", ""), '[[caches]] number 1 ("a"): driver is required: one of varnish'),
        (VARNISH + "tier = 11", '[[caches]] number 1 ("a"): tier = 11: must be 9 or less'),
        ("[[caches]]\nname = 'a'\ndriver = 'fastly'\ntoken = 't'", '[[caches]] number 1 ("a"): service is required'),
        (
            VARNISH + "secret = 'env:NOT_SET_ANYWHERE'",
            "[[caches]] number 1 (\"a\"): secret: the variable 'NOT_SET_ANYWHERE' is not set",
        ),
        (VARNISH + VARNISH.replace("name = 'a'", ""), "[[caches]] number 2: name is required"),
        (VARNISH + "teir = 1", "unknown key teir: did you mean tier?"),
        ("[proxy]\nplacment = 'fill'", "unknown key proxy.placment: did you mean placement?"),
        (
            "[[hosts]]\nname = 'h'\norigins = 'http://h'",
            '[[hosts]] number 1 ("h"): unknown key origins: did you mean origin?',
        ),
        ("stat_dir = '.'", "unknown key stat_dir: did you mean state_dir?"),
        ("caches = 3", "caches = 3: must be a list"),
        ("caches = [3]", "[[caches]] number 1: must be a table"),
    ],
)
def test_the_key_is_named(tmp_path: Path, text: str, message: str) -> None:
    """The message names the key as the file has it, and what is possible."""
    path = tmp_path / "edgeward.toml"
    path.write_text(text)
    with pytest.raises(ConfigError) as caught:
        load(path, {})
    assert message in str(caught.value)


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
    """No message repeats a secret, whatever is wrong and whatever else the table holds."""
    path = tmp_path / "edgeward.toml"
    path.write_text(text)
    with pytest.raises(ConfigError) as caught:
        load(path, {})
    assert "hush" not in str(caught.value)
    assert "12345" not in str(caught.value)
