"""Settings rendered as TOML: what is written reads back as the same values."""

import tomllib

from hypothesis import given
from hypothesis import strategies as st

from edgeward.cache_settings import parse_cache
from edgeward.cli import toml
from edgeward.config import Config


def test_reads_back_as_the_same_settings() -> None:
    """A rendered configuration, cache nodes included, is the configuration."""
    caches = (
        {"name": "a", "driver": "varnish", "url": "http://127.0.0.1:6081", "tier": 1},
        {"name": "b", "driver": "nginx", "url": "http://127.0.0.1:6082", "secret": '"\\'},
        {"name": "c", "driver": "generic", "url": "http://127.0.0.1:6083", "headers": {"X-Key": '"a"', "b": "c d"}},
    )
    config = Config(caches=tuple(map(parse_cache, caches)))
    text = toml.render(Config, config.model_dump(mode="json"))
    assert Config.model_validate(tomllib.loads(text)) == config


def test_every_key_has_its_meaning_above_it() -> None:
    """The model's description of a setting is the comment before it."""
    lines = toml.render(Config, Config().model_dump(mode="json")).splitlines()
    assert lines[lines.index("workers = 2") - 1] == "# Proxy processes that share the port. About one per core."


def test_what_is_not_set_is_a_comment() -> None:
    """TOML has no null: such a setting is shown, but as a comment."""
    text = toml.render(Config, Config().model_dump(mode="json"))
    assert "# blocked_by is not set" in text.splitlines()


@given(st.text() | st.integers(-(2**63), 2**63 - 1) | st.booleans() | st.lists(st.text(), max_size=3))
def test_any_value_survives(value: object) -> None:
    """Quotes, control characters and all of Unicode read back as they were."""
    assert tomllib.loads(f"key = {toml.literal(value)}")["key"] == value
