"""demo/stack.py: the parts are connected in the order of the placement."""

import tomllib
from pathlib import Path

import pytest
from tests.scenarios.pictures import picture
from tests.support.programs import require

from edgeward.demo.caches import Nginx, Varnish
from edgeward.demo.http_client import ask
from edgeward.demo.photos import Photo
from edgeward.demo.stack import Placement, Stack


@pytest.mark.parametrize("placement", ["front", "fill"])
def test_requests_go_through_all_parts(tmp_path: Path, placement: Placement) -> None:
    """A photograph passes through cache and Edgeward, and the cache then holds it; `held` does not fill the cache."""
    require("varnishd")
    photo = Photo("photo.jpg", picture(1))
    with Stack(tmp_path, placement, settings={"proxy": {"workers": 1}}) as stack:
        stack.serve(photo)
        assert not stack.held(photo.path)
        assert stack.origin.count(photo.path) == 0
        assert stack.get(photo.path).body == photo.body
        assert stack.held(photo.path)
        assert stack.get(photo.path).header("X-Cache") == "HIT"
        assert stack.origin.count(photo.path) == 1
        counted = ask(stack.edge.admin, "/metrics").body.decode()
    assert 'edgeward_responses_total{reason="no_match",verdict="deliver"}' in counted


def test_several_caches_and_tiers(tmp_path: Path) -> None:
    """Inner caches share one upstream, each outer cache has its inner one, and the settings name all tiers."""
    require("varnishd")
    require("nginx")
    stack = Stack(tmp_path, "front", Varnish, beside=[Varnish, Nginx], outer=Varnish)
    behind = {f"{cache.backend[0]}:{cache.backend[1]}" for cache in stack.inner.values()}
    assert behind == {stack.origin.address}
    for name, cache in stack.inner.items():
        assert stack.outer[f"{name}-outer"].backend == cache.address
    caches = tomllib.loads(stack.edge.config.read_text())["caches"]
    assert [(cache["name"], cache["driver"], cache["tier"]) for cache in caches] == [
        ("varnish", "varnish", 0),
        ("varnish-2", "varnish", 0),
        ("nginx", "nginx", 0),
        ("varnish-outer", "varnish", 1),
        ("varnish-2-outer", "varnish", 1),
        ("nginx-outer", "varnish", 1),
    ]
    assert stack.settings()["proxy"]["upstream"] == stack.outer["varnish-outer"].url
