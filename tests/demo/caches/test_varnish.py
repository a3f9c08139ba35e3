"""Running Varnish."""

from pathlib import Path

from tests.support.programs import require

from edgeward.demo.caches import Varnish
from edgeward.demo.http_client import ask


def test_runs_the_delivered_vcl(tmp_path: Path) -> None:
    """It runs deploy/varnish with another backend: even if that does not answer, purges work."""
    require("varnishd")
    with Varnish(tmp_path, ("127.0.0.1", 9)) as cache:
        address = cache.url.removeprefix("http://")
        # Before the request: the cache may keep its own 503 for a moment, and count it.
        assert ask(address, "/a.jpg", "PURGE").header("X-Purged") == "0"
        assert ask(address, "/a.jpg").status == 503
