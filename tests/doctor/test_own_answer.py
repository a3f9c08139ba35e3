"""What answers by itself, and what does not."""

import socket
from pathlib import Path

import pytest
from tests.support.programs import free_port, require

from edgeward.demo.caches import SERVERS, CacheServer
from edgeward.doctor.own_answer import answers_by_itself


@pytest.mark.parametrize("kind", SERVERS, ids=lambda kind: kind.driver)
async def test_each_cache_answers_by_itself_in_front_of_a_server_that_hangs(
    kind: type[CacheServer], tmp_path: Path
) -> None:
    """A frozen server, and a port where none listens, do not."""
    require(kind.program)
    with socket.create_server(("127.0.0.1", 0)) as frozen, kind(tmp_path, frozen.getsockname()) as cache:
        assert await answers_by_itself(cache.url, 20.0)
        assert not await answers_by_itself(f"http://127.0.0.1:{frozen.getsockname()[1]}", 0.5)
    assert not await answers_by_itself(f"http://127.0.0.1:{free_port()}", 20.0)
