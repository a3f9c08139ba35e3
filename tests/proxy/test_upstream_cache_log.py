"""The log of a cache behind the upstream that nobody purges."""

from pathlib import Path

import pytest
from tests.support.controllers import settings
from tests.support.logs import own_messages

from edgeward.proxy.upstream_cache_log import FIRST_RESPONSES, UpstreamCacheLog


def test_it_is_said_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """With the header that tells of it; also where the cache is put there later."""
    config = settings("unix:///unused", tmp_path, proxy={"upstream": "http://origin.test", "placement": "fill"})
    for before in (0, 10 * FIRST_RESPONSES):
        caplog.clear()
        log = UpstreamCacheLog(config)
        for _ in range(before):
            log.look({"server": "nginx"})
        assert own_messages(caplog) == []
        for _ in range(200):
            log.look({"cf-cache-status": "HIT"})
        (said,) = own_messages(caplog)
        assert "Cf-Cache-Status: HIT" in said and "no [[caches]] section purges" in said


def test_nothing_is_said_of_a_cache_that_is_purged(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """The upstream in placement front."""
    cache = {"name": "v", "driver": "varnish", "url": "http://origin.test"}
    proxy = {"upstream": "http://origin.test"}
    log = UpstreamCacheLog(settings("unix:///unused", tmp_path, proxy=proxy, caches=[cache]))
    log.look({"x-varnish": "1 2", "age": "4", "via": "1.1 varnish"})
    assert own_messages(caplog) == []
