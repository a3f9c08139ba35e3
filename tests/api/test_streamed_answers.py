"""Answers that are sent as they are made."""

import pytest
from tests.support.controllers import Api, RunningController
from tests.support.edges import with_store

from edgeward.store.connection import Store

HASHES = [f"md5:{number:032x}" for number in range(1, 2500)]


def test_an_answer_that_breaks_off_is_not_taken_for_whole(api: Api, a_list: str, controller: RunningController) -> None:
    """Its last chunk is missing, so that every client of HTTP notices; the controller goes on."""
    api.post(f"/lists/{a_list}/entries", {"hashes": HASHES})

    async def damage(store: Store) -> None:
        await store.redis.hset(store.key("{blocklist}", "entries", a_list), "ff" * 10, '{"needs": 99}')

    with_store(controller.config, damage)
    with pytest.raises(Exception, match=r"IncompleteRead|Remote end closed|reset"):
        api.get(f"/lists/{a_list}/export")
    assert api.get(f"/lists/{a_list}").status == 200
