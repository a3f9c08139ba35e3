"""demo/stage.py: the parts stand in the order that the placement says."""

import tomllib
from pathlib import Path

import pytest
from tests.parts import require
from tests.scenarios.pictures import picture

from edgeward.demo.answer import ask
from edgeward.demo.caches import Nginx, Varnish
from edgeward.demo.photos import Photo
from edgeward.demo.stage import Placement, Stage


@pytest.mark.parametrize("placement", ["front", "fill"])
def test_requests_go_through_all_parts(tmp_path: Path, placement: Placement) -> None:
    """A photograph comes through cache and Edgeward; the cache then holds it, and asking it does not fill it."""
    require("varnishd")
    photo = Photo("photo.jpg", picture(1))
    with Stage(tmp_path, placement, settings={"proxy": {"workers": 1}}) as stage:
        stage.serve(photo)
        assert not stage.held(photo.path)
        assert stage.origin.count(photo.path) == 0
        assert stage.get(photo.path).body == photo.body
        assert stage.held(photo.path)
        assert stage.get(photo.path).header("X-Cache") == "HIT"
        assert stage.origin.count(photo.path) == 1
        counted = ask(stage.edge.admin, "/metrics").body.decode()
    assert 'edgeward_responses_total{reason="no_match",verdict="deliver"}' in counted


def test_caches_beside_and_before_each_other(tmp_path: Path) -> None:
    """Each inner cache has the same behind it, each outer one its inner; the settings name all with their tiers."""
    require("varnishd")
    require("nginx")
    stage = Stage(tmp_path, "front", Varnish, beside=[Varnish, Nginx], outer=Varnish)
    behind = {f"{cache.backend[0]}:{cache.backend[1]}" for cache in stage.inner.values()}
    assert behind == {stage.origin.address}
    for name, cache in stage.inner.items():
        assert stage.outer[f"{name}-outer"].backend == cache.address
    caches = tomllib.loads(stage.edge.config.read_text())["caches"]
    assert [(cache["name"], cache["driver"], cache["tier"]) for cache in caches] == [
        ("varnish", "varnish", 0),
        ("varnish-2", "varnish", 0),
        ("nginx", "nginx", 0),
        ("varnish-outer", "varnish", 1),
        ("varnish-2-outer", "varnish", 1),
        ("nginx-outer", "varnish", 1),
    ]
    assert stage.settings()["proxy"]["upstream"] == stage.outer["varnish-outer"].url
