"""The runner of real caches: they run with the files of deploy/, and leave nothing behind."""

import time
from pathlib import Path

import pytest
from tests.parts import require

from edgeward.demo.caches import SERVERS, CacheServer
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


def _wait_until_ended(group: int, seconds: float = 3) -> None:
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
            with pytest.raises(CacheUnavailable, match="in use"):
                second.start()
        finally:
            second.stop()
