"""What all runners of real caches have in common: the files of deploy/ work, and nothing is left behind."""

import time
from pathlib import Path

import pytest
from tests.parts import require

from edgeward.demo.answer import ask
from edgeward.demo.caches import SERVERS, CacheServer, Nginx
from edgeward.demo.edge import until
from edgeward.demo.origin import PROBE, Origin
from edgeward.errors import CacheUnavailable


@pytest.mark.parametrize("kind", SERVERS)
def test_starts_and_ends(kind: type[CacheServer], tmp_path: Path) -> None:
    """A cache answers after start, keeps its ports when started again, and its processes end with it."""
    require(kind.program)
    cache = kind(tmp_path / "c", ("127.0.0.1", 9))
    for end in (cache.stop, cache.kill):
        cache.start()
        assert cache._process is not None
        group = cache._process.pid
        end()
        _wait_until_ended(group)
    cache.stop()


def _wait_until_ended(group: int, seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while left := _living(group):
        assert time.monotonic() < deadline, f"{left} outlived the cache"
        time.sleep(0.01)


def _living(group: int) -> list[str]:
    """Processes of a group; those that ended and were not waited for do not count."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            name, _, rest = stat.read_text().rpartition(")")
        except OSError:
            continue
        state, _, process_group = rest.split()[:3]
        if int(process_group) == group and state != "Z":
            found.append(name)
    return found


@pytest.mark.parametrize("kind", SERVERS)
def test_a_failed_start_says_why(kind: type[CacheServer], tmp_path: Path) -> None:
    """A port that is taken is an error that holds the cache's own words."""
    require(kind.program)
    with kind(tmp_path / "a", ("127.0.0.1", 9)) as cache:
        second = kind(tmp_path / "b", ("127.0.0.1", 9))
        second.address = cache.address
        try:
            with pytest.raises(CacheUnavailable, match=r"in use|not bind"):
                second.start()
        finally:
            second.stop()


@pytest.mark.parametrize("kind", SERVERS)
def test_holds_what_it_served(kind: type[CacheServer], tmp_path: Path) -> None:
    """It holds what it served, and says so without being filled by the question."""
    require(kind.program)
    with Origin() as origin, kind(tmp_path / "c", _address(origin)) as cache:
        origin.put("/a.jpg", b"picture", headers=[("Vary", "Accept")])
        assert not _held(cache)
        assert not _held(cache)
        assert ask(_door(cache.url), "/a.jpg").body == b"picture"
        until(lambda: _held(cache))  # some write it down when the client has it already
        assert origin.count("/a.jpg") == 1


def _held(cache: CacheServer) -> bool:
    return ask(_door(cache.url), "/a.jpg", headers={"Cache-Control": "only-if-cached", PROBE: "1"}).status == 200


def _address(origin: Origin) -> tuple[str, int]:
    host, _, port = origin.address.rpartition(":")
    return host, int(port)


def _door(url: str) -> str:
    return url.removeprefix("http://")


@pytest.mark.parametrize("kind", SERVERS)
def test_the_secret_keeps_others_out(kind: type[CacheServer], tmp_path: Path) -> None:
    """Who does not name the secret of a cache is refused a purge."""
    require(kind.program)
    method = "GET" if kind is Nginx else "PURGE"
    with Origin() as origin, kind(tmp_path / "c", _address(origin), secret="open sesame") as cache:
        doors = [
            ask(_door(cache.purge_url), "/none", method, headers={"Edgeward-Secret": secret}).status
            for secret in ("", "open", "open sesame")
        ]
    assert doors == [403, 403, 404]
