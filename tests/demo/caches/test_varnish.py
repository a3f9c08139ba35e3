"""The runner of Varnish."""

from pathlib import Path

from tests.parts import require

from edgeward.demo.answer import ask
from edgeward.demo.caches import Varnish


def test_runs_the_delivered_vcl(tmp_path: Path) -> None:
    """It runs deploy/varnish with its own backend: without one that answers, it still knows what a purge is."""
    require("varnishd")
    with Varnish(tmp_path, ("127.0.0.1", 9)) as cache:
        door = cache.url.removeprefix("http://")
        assert ask(door, "/a.jpg").status == 503
        assert ask(door, "/a.jpg", "PURGE").header("X-Purged") == "0"
