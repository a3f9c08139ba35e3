"""demo/stack.py: how the parts are connected. tests/scenarios/shared_stacks sends requests through them."""

import tomllib
from pathlib import Path

from tests.support.programs import require

from edgeward.demo.caches import Nginx, Varnish
from edgeward.demo.stack import Stack


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
