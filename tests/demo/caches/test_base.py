"""Running any real cache: the files of deploy/ work, and no process is left."""

from pathlib import Path

import pytest
from tests.support.eventually import until
from tests.support.programs import require

from edgeward.demo.caches import SERVERS, CacheServer, Nginx
from edgeward.demo.http_client import ask
from edgeward.demo.origin import PROBE, Origin
from edgeward.errors import CacheUnavailable


@pytest.mark.parametrize("kind", SERVERS)
def test_starts_and_ends(kind: type[CacheServer], tmp_path: Path) -> None:
    """A cache answers after `start`, keeps its ports when started again, and leaves no process after its end."""
    require(kind.program)
    cache = kind(tmp_path / "c", ("127.0.0.1", 9))
    for end in (cache.stop, cache.kill):
        cache.start()
        assert cache._process is not None
        group = cache._process.pid
        end()
        until(lambda group=group: not _living(group), f"the end of process group {group}", 20)
    cache.stop()


def _living(group: int) -> list[str]:
    """The processes of a group, without zombies."""
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
    """A port in use is an error with the message of the cache."""
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
    """A cache holds what it served, and the request that asks for it does not fill it."""
    require(kind.program)
    with Origin() as origin, kind(tmp_path / "c", _address(origin)) as cache:
        origin.put("/a.jpg", b"picture", headers=[("Vary", "Accept")])
        assert not _held(cache)
        assert not _held(cache)
        assert ask(_host_port(cache.url), "/a.jpg").body == b"picture"
        until(lambda: _held(cache))  # some store it after the client has received it
        assert origin.count("/a.jpg") == 1


def _held(cache: CacheServer) -> bool:
    return ask(_host_port(cache.url), "/a.jpg", headers={"Cache-Control": "only-if-cached", PROBE: "1"}).status == 200


def _address(origin: Origin) -> tuple[str, int]:
    host, _, port = origin.address.rpartition(":")
    return host, int(port)


def _host_port(url: str) -> str:
    return url.removeprefix("http://")


@pytest.mark.parametrize("kind", SERVERS)
def test_the_secret_keeps_others_out(kind: type[CacheServer], tmp_path: Path) -> None:
    """A purge without the secret of the cache is refused."""
    require(kind.program)
    method = "GET" if kind is Nginx else "PURGE"
    with Origin() as origin, kind(tmp_path / "c", _address(origin), secret="open sesame") as cache:
        statuses = [
            ask(_host_port(cache.purge_url), "/none", method, headers={"Edgeward-Secret": secret}).status
            for secret in ("", "open", "open sesame")
        ]
    assert statuses == [403, 403, 404]
