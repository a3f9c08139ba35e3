"""`store refill`: what it sends and prints."""

from collections.abc import Callable

import pytest
from tests.cli.conftest import Api, Ended

from edgeward.errors import UserError

RECORD = {"at": 1.0, "who": "ana", "mode": "refilled", "lists": 1, "entries": 2, "version": 9}


def test_what_was_restored_and_what_was_not(edgeward: Callable[..., Ended], api: Api) -> None:
    """The numbers on standard output, and what can't come back on standard error."""
    answer = {"needed": True, "refill": RECORD, "not_restored": ["the sightings"]}
    api.answer("POST /api/v1/store/refill", answer)
    ended = edgeward("store", "refill", "--reason", "power cut")
    assert ended.status == 0
    assert "restored 1 list and 2 entries" in ended.out
    assert "version 9" in ended.out
    assert "the sightings" in ended.err
    assert api.requests[0].json == {"accept_empty": False, "why": "power cut", "timeout": 300.0}
    assert edgeward("store", "refill", "--json").json == answer


def test_an_accepted_loss(edgeward: Callable[..., Ended], api: Api) -> None:
    """It says that it was given up."""
    api.answer(
        "POST /api/v1/store/refill",
        {"needed": True, "refill": {**RECORD, "mode": "accepted"}, "not_restored": []},
    )
    assert "given up" in edgeward("store", "refill", "--accept-empty").out
    assert api.requests[0].json["accept_empty"] is True


def test_emptied_caches(edgeward: Callable[..., Ended], api: Api) -> None:
    """Said after the refill, in a command of its own."""
    answer = {"needed": False, "refill": RECORD, "not_restored": [], "sightings_lost": False}
    api.answer("POST /api/v1/store/refill", answer)
    ended = edgeward("store", "refill", "--caches-emptied")
    assert (ended.status, ended.err) == (0, "")
    assert "no copy from before the loss" in ended.out
    assert api.requests[0].json["caches_emptied"] is True
    with pytest.raises(UserError, match="first --accept-empty"):
        edgeward("store", "refill", "--caches-emptied", "--accept-empty")


def test_emptied_caches_without_a_loss(edgeward: Callable[..., Ended], api: Api) -> None:
    """It is noted, and no loss is spoken of as if there had been one."""
    answer = {"needed": False, "refill": None, "not_restored": [], "sightings_lost": False, "loss_ended": False}
    api.answer("POST /api/v1/store/refill", answer)
    ended = edgeward("store", "refill", "--caches-emptied")
    assert (ended.status, ended.out) == (
        0, "noted that every cache was emptied; no loss of the store's data was on record\n")  # fmt: skip


def test_sightings_that_are_still_lost(edgeward: Callable[..., Ended], api: Api) -> None:
    """A refill that restores nothing says what is left to do."""
    answer = {"needed": False, "refill": RECORD, "not_restored": [], "sightings_lost": True}
    api.answer("POST /api/v1/store/refill", answer)
    assert "--caches-emptied" in edgeward("store", "refill").err


def test_nothing_to_restore(edgeward: Callable[..., Ended], api: Api) -> None:
    """The status is 0."""
    api.answer("POST /api/v1/store/refill", {"needed": False, "refill": None, "not_restored": []})
    ended = edgeward("store", "refill")
    assert (ended.status, "nothing to restore" in ended.out, ended.err) == (0, True, "")
