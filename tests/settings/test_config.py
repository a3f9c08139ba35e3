"""Every setting as a typed model: what holds across sections, and what is derived from them."""

from pathlib import Path

import pytest
from pydantic import BaseModel
from tests.settings.config_file import write_config

from edgeward.errors import ConfigError
from edgeward.settings.config import Config
from edgeward.settings.descriptions import descriptions
from edgeward.settings.loading import load
from edgeward.types import Flaw, Reason


def test_two_caches_of_one_name(tmp_path: Path) -> None:
    """Two caches may not share a name: it identifies their metrics and queues."""
    cache = "[[caches]]\nname = 'edge'\ndriver = 'varnish'\nurl = 'http://a'\n"
    with pytest.raises(ConfigError, match="'edge'"):
        load(write_config(tmp_path, cache * 2), {})


@pytest.mark.parametrize("section", ["caches", "hosts", "webhooks", "classifiers", "list_sources", "exchanges"])
def test_two_tables_of_one_name(tmp_path: Path, section: str) -> None:
    """The tables of an array have different names, in every array."""
    more = {
        "caches": "driver = 'varnish'\nurl = 'http://a'",
        "hosts": "origin = 'http://a'",
        "webhooks": "secret = '0123456789abcdef'\nhosts = ['*']",
        "classifiers": "sample = 0.5",
        "list_sources": "list = 'a'\nlocation = 'x'",
        "exchanges": "list = 'a'\ntype = 'ncmec'\nusername = 'u'\npassword = 'p'",
    }[section]
    with pytest.raises(ConfigError, match=f"{section}: the name 'x' is used twice"):
        load(write_config(tmp_path, f"[[{section}]]\nname = 'x'\n{more}\n" * 2), {})


def test_the_origin_of_a_host(tmp_path: Path) -> None:
    """A host's own table comes before "*". In fill the upstream is the origin of hosts without a table."""
    hosts = "[[hosts]]\nname = 'a.test'\norigin = 'http://a'\n[[hosts]]\nname = '*'\norigin = 'http://rest'\n"
    named = load(write_config(tmp_path, hosts), {})
    assert [named.origin_of(host) for host in ("a.test", "A.TEST.:80", "b.test")] == ["http://a"] * 2 + ["http://rest"]
    front = load(write_config(tmp_path, "[proxy]\nupstream = 'http://up'"), {})
    fill = load(write_config(tmp_path, "[proxy]\nupstream = 'http://up'\nplacement = 'fill'"), {})
    assert (front.origin_of("a.test"), fill.origin_of("a.test")) == (None, "http://up")


def test_store_url() -> None:
    """The embedded store is reached by its Unix socket."""
    assert load(environ={}).store_url.endswith("/.state/store.sock")
    assert load(environ={"EDGEWARD_STORE__URL": "redis://a"}).store_url == "redis://a"


def test_every_flaw_has_a_policy() -> None:
    """The operator decides what happens for every reason for which an image cannot be checked."""
    for reason in (*Flaw, Reason.NOT_READY, Reason.STORE_STALE, Reason.ERROR):
        assert Config().decide(reason) in ("deliver", "block")


def test_every_setting_says_what_it_means() -> None:
    """Each key has a description: the documents repeat it."""
    for section, field in Config.model_fields.items():
        model: type[BaseModel] = type(field.default) if isinstance(field.default, BaseModel) else Config
        keys = {section} if model is Config else set(model.model_fields)
        assert keys <= set(descriptions(model)), section
