"""Which settings controllers must share, and what counts as a difference."""

from pathlib import Path
from typing import Any

import pytest

from edgeward.settings.config import Config
from edgeward.settings.shared_settings import (
    NOT_SET,
    SHARED,
    SettingDifference,
    differences,
    names_of_caches,
    shared_settings,
)

VARNISH = {"name": "v.1", "driver": "varnish", "url": "http://127.0.0.1:6081", "secret": "hidden words"}
HOST = {"name": "img.example.org", "origin": "http://user:hidden@10.0.0.5:8000"}
UNSCANNED = {"hosts": ["law.test"]}
SENDER = {"name": "software", "secret": "sixteen hidden characters", "hosts": ["img.example.org"]}


def settings(**sections: Any) -> dict[str, str]:
    return shared_settings(Config.model_validate(sections))


def difference(**sections: Any) -> list[SettingDifference]:
    """Between these and the defaults with the tables above."""
    tables = {"caches": [VARNISH], "hosts": [HOST], "webhooks": [SENDER]}
    return differences({"one": settings(**tables), "two": settings(**{**tables, **sections})})


@pytest.mark.parametrize(
    ("sections", "name", "value", "cache"),
    [
        ({"sightings": {"keep_days": 7.0}}, "sightings.keep_days", "7.0", ""),
        ({"sightings": {"max_bytes": 2**30}}, "sightings.max_bytes", "1073741824", ""),
        ({"purge": {"repeat_seconds": [2.0]}}, "purge.repeat_seconds", "[2.0]", ""),
        ({"sweep": {"private": "keep"}}, "sweep.private", '"keep"', ""),
        ({"hashing": {"min_quality": 60}}, "hashing.min_quality", "60", ""),
        ({"caches": [{**VARNISH, "url": "http://10.0.0.7:6081"}]}, "caches.v.1.url", '"http://10.0.0.7:6081"', "v.1"),
        ({"caches": [{**VARNISH, "tier": 1}]}, "caches.v.1.tier", "1", ""),
        ({"hosts": [{**HOST, "origin": "http://10.0.0.6"}]}, "hosts.img.example.org.origin", '"http://10.0.0.6"', ""),
        ({"hosts": []}, "hosts.img.example.org.origin", NOT_SET, ""),
        ({"webhooks": [{**SENDER, "hosts": ["*"]}]}, "webhooks.software.hosts", '["*"]', ""),
        ({"scan_exceptions": [UNSCANNED]}, "scan_exceptions", '[{"hosts": ["law.test"], "paths": []}]', ""),
    ],
)
def test_a_setting_that_differs(sections: dict[str, Any], name: str, value: str, cache: str) -> None:
    """It is named with both values, and whether another cache may be purged."""
    (found,) = difference(**sections)
    assert (found.name, found.values["two"], found.cache) == (name, value, cache)
    assert found.values["one"] != value
    assert str(found) == f"{name} differs: {found.values['one']} at one, {value} at two"
    assert found.kind.split(".") == [name.split(".")[0], *name.split(".")[1:][-1:]]
    assert "hidden" not in str(found)


@pytest.mark.parametrize(
    "sections",
    [
        {"proxy": {"workers": 7}, "policy": {"flat": "block"}, "admin": {"listen": "127.0.0.1:1"}},
        {"caches": [{**VARNISH, "timeout_ms": 5000}]},
        {"caches": [], "webhooks": []},
        {"caches": [{**VARNISH, "secret": "another secret"}]},
    ],
)
def test_what_may_differ(sections: dict[str, Any]) -> None:
    """What belongs to a machine; a cache or a sender that one does not have; and secrets, which nobody compares."""
    assert difference(**sections) == []


def test_another_driver() -> None:
    """The keys that only one of them has are none of their own."""
    souin = {"name": "v.1", "driver": "souin", "url": VARNISH["url"], "secret": "x"}
    assert [each.name for each in difference(caches=[souin])] == ["caches.v.1.driver"]
    (found,) = difference(caches=[souin])
    assert (found.kind, found.cache) == ("caches.driver", "v.1")


def on_two_machines(last_release: bool = False, **sections: Any) -> list[SettingDifference]:
    """What differs with one file on both. `last_release`: one of them does not say where it is."""
    one, two = (shared_settings(Config.model_validate(sections), network) for network in ("one", "two"))
    if last_release:
        two = {name: value for name, value in two.items() if not name.endswith("_network")}
    return differences({"edge1:8081": one, "edge2:8081": two})


HTCP = {"name": "v.1", "driver": "squid", "url": "http://10.0.0.5:3128", "htcp": "[::1]:4827"}
GENERIC = {"name": "v.1", "driver": "generic", "url": "https://localhost/purge"}


@pytest.mark.parametrize(
    ("sections", "name", "cache", "what"),
    [
        ({"caches": [VARNISH]}, "caches.v.1.url", "v.1", "each purges its own; give each cache a name and"),
        ({"caches": [HTCP]}, "caches.v.1.htcp", "v.1", "each purges its own; give each cache a name and"),
        ({"caches": [GENERIC]}, "caches.v.1.url", "v.1", "each purges its own; give each cache a name and"),
        (
            {"hosts": [{"name": "*", "origin": "http://127.0.0.2"}]},
            "hosts.*.origin",
            "",
            "each has its own origin; give the origin",
        ),
    ],
)
def test_a_loopback_address_in_one_file_on_two_machines(
    sections: dict[str, Any], name: str, cache: str, what: str
) -> None:
    """The settings are equal and mean two caches, or two origins. Those of the last release are not compared."""
    (found,) = on_two_machines(**sections)
    assert (found.name, found.cache, found.is_of_networks) == (f"{name}_network", cache, True)
    assert str(found) == (
        f"{name} is a loopback address of 2 machines or containers (edge1:8081, edge2:8081): {what} "
        "an address that all controllers reach"
    )
    assert on_two_machines(last_release=True, **sections) == []


def test_an_address_that_both_reach() -> None:
    """It is the same cache for both; so is a CDN whose API both reach through a relay of their own."""
    relay = {"name": "r", "driver": "bunny", "url": "http://127.0.0.1:9", "token": "a hidden token"}
    hosts = [{"name": "*", "origin": "http://10.0.0.5"}]
    assert on_two_machines(caches=[{**VARNISH, "url": "http://10.0.0.5:6081"}, relay], hosts=hosts) == []


def test_no_secret_is_among_them() -> None:
    """Neither in plain nor in a digest."""
    found = settings(caches=[VARNISH], hosts=[HOST], webhooks=[SENDER])
    assert found["caches.v.1.secret"] == '"***"'
    assert found["hosts.img.example.org.origin"] == '"http://user:***@10.0.0.5:8000"'
    assert not any("hidden" in value for value in found.values())
    assert names_of_caches(found) == {"v.1"}


def test_every_shared_setting_is_documented() -> None:
    """In docs/deployment.md, with those of tables."""
    guide = (Path(__file__).parents[2] / "docs" / "deployment.md").read_text()
    section = guide.partition("### Settings that all controllers share")[2].partition("\n## ")[0]
    for name, keys in SHARED.items():
        for key in keys:
            assert f"`{name}.{key}`" in section or f"`{name}`" in section
    for table in ("[[caches]]", "[[hosts]]", "[[webhooks]]", "[[scan_exceptions]]"):
        assert table in section
