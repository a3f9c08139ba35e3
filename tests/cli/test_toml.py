"""Settings rendered as TOML can be read back as the same values."""

import tomllib

from hypothesis import given
from hypothesis import strategies as st

from edgeward.cli import toml
from edgeward.settings.cache_settings import parse_cache
from edgeward.settings.config import Config


def test_reads_back_as_the_same_settings() -> None:
    """A rendered configuration with caches reads back as the same configuration."""
    caches = (
        {"name": "a", "driver": "varnish", "url": "http://127.0.0.1:6081", "tier": 1},
        {"name": "b", "driver": "nginx", "url": "http://127.0.0.1:6082", "secret": '"\\'},
        {"name": "c", "driver": "generic", "url": "http://127.0.0.1:6083", "headers": {"X-Key": '"a"', "b": "c d"}},
    )
    config = Config(caches=tuple(map(parse_cache, caches)))
    text = toml.render(Config, config.model_dump(mode="json"))
    assert Config.model_validate(tomllib.loads(text)) == config


def test_every_key_has_its_description_above_it() -> None:
    """The comment above a key is its description in the model."""
    lines = toml.render(Config, Config().model_dump(mode="json")).splitlines()
    assert lines[lines.index("workers = 2") - 1] == "# Proxy processes that share the port. About one per core."


def test_what_is_not_set_is_a_comment() -> None:
    """TOML has no null: a setting without a value is shown as a comment."""
    text = toml.render(Config, Config().model_dump(mode="json"))
    assert "# blocked_by is not set" in text.splitlines()


@given(st.text() | st.integers(-(2**63), 2**63 - 1) | st.booleans() | st.lists(st.text(), max_size=3))
def test_any_value_survives(value: object) -> None:
    """Quotes, control characters and any Unicode text read back unchanged."""
    assert tomllib.loads(f"key = {toml.literal(value)}")["key"] == value
