"""Running nginx."""

from pathlib import Path

from tests.support.programs import require

from edgeward.demo.caches import Nginx
from edgeward.demo.http_client import ask


def test_purges_have_a_listener_of_their_own(tmp_path: Path) -> None:
    """Clients and purges use different ports, and only the port for purges names the variants."""
    require("nginx")
    with Nginx(tmp_path, ("127.0.0.1", 9)) as cache:
        assert cache.purge_address != cache.address
        answers = [ask(url.removeprefix("http://"), "/a.jpg") for url in (cache.url, cache.purge_url)]
        assert [answer.header("Edgeward-Variants") for answer in answers] == [None, "std avif webp"]
