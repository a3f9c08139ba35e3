"""What INFO tells about a server."""

import pytest

from edgeward.store.condition import problems_of
from edgeward.store.connection import Store

GOOD = {"redis_version": "7.2.4", "role": "master", "maxmemory_policy": "noeviction", "maxmemory": 0}


@pytest.mark.parametrize(
    ("info", "check", "evicts", "refuses_writes"),
    [
        ({"maxmemory_policy": "allkeys-lru"}, "memory", True, False),
        ({"maxmemory_policy": "volatile-ttl"}, "memory", True, False),
        ({"evicted_keys": 3}, "memory", True, False),
        ({"maxmemory": 100, "used_memory": 100}, "memory", False, True),
        ({"aof_enabled": 1, "aof_last_write_status": "err"}, "disk", False, True),
        ({"rdb_last_bgsave_status": "err"}, "disk", False, False),
        ({"role": "slave", "master_host": "h", "master_port": 1, "master_link_status": "up"}, "role", False, True),
        ({"redis_version": "6.0.16"}, "version", False, False),
        ({"redis_version": "5.0"}, "version", False, False),
        ({"loading": 1, "loading_loaded_perc": "12.5"}, "loading", False, True),
    ],
)
def test_each_problem_is_found(info: dict[str, object], check: str, evicts: bool, refuses_writes: bool) -> None:
    """It says what is wrong, what to do, and what it means."""
    (problem,) = problems_of({**GOOD, **info})
    assert (problem.check, problem.evicts, problem.refuses_writes) == (check, evicts, refuses_writes)
    assert problem.detail and problem.fix


@pytest.mark.parametrize("info", [{}, {"maxmemory": 100, "used_memory": 99}, {"redis_version": "8.0"}])
def test_a_good_server_has_no_problem(info: dict[str, object]) -> None:
    """Nothing is found."""
    assert problems_of({**GOOD, **info}) == []


async def test_a_real_server_has_no_problem(store: Store) -> None:
    """INFO of the installed server is understood."""
    assert problems_of(await store.info()) == []
