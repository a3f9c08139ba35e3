"""`token create|list|revoke`."""

from collections.abc import Callable

import pytest
from tests.cli.conftest import Api, Ended

from edgeward.errors import UserError

type Run = Callable[..., Ended]
TOKEN = {"id": "4f1c09aa", "name": "alice", "role": "operator", "created_at": 1767225600.5}


def test_create_prints_the_token_alone(api: Api, edgeward: Run) -> None:
    """stdout has only the token, so that a script can use it."""
    api.answer("POST /api/v1/tokens", {**TOKEN, "token": "ew_new"}, 201)
    ended = edgeward("token", "create", "alice", "--role", "operator")
    assert (ended.status, ended.out) == (0, "ew_new\n")
    assert "4f1c09aa" in ended.err
    assert api.requests[0].json == {"name": "alice", "role": "operator"}


@pytest.mark.parametrize("argv", [["alice"], ["alice", "--role", "king"]])
def test_a_role_must_be_given(edgeward: Run, argv: list[str]) -> None:
    """A missing or unknown role is an error."""
    with pytest.raises(UserError, match="--role"):
        edgeward("token", "create", *argv)


def test_list_shows_all(api: Api, edgeward: Run) -> None:
    """Each token is one line, with the time it was created."""
    api.answer("GET /api/v1/tokens", {"tokens": [TOKEN]})
    line = edgeward("token", "list").out.splitlines()[1]
    assert line.split() == ["4f1c09aa", "alice", "operator", "2026-01-01T00:00:00.500Z"]


def test_revoke(api: Api, edgeward: Run) -> None:
    """A token is revoked by its id; --json prints the response of the API."""
    api.answer("DELETE /api/v1/tokens/4f1c09aa", {"removed": TOKEN})
    assert edgeward("token", "revoke", "4f1c09aa").out == "revoked 4f1c09aa\n"
    assert edgeward("token", "revoke", "4f1c09aa", "--json").json == {"removed": TOKEN}
