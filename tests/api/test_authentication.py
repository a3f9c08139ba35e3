"""Who makes a request."""

import pytest
from aiohttp.test_utils import make_mocked_request

from edgeward.access.tokens import Caller, Tokens, Unauthenticated
from edgeward.api.authentication import caller_of
from edgeward.store.connection import Store
from edgeward.types import Role


async def _caller(tokens: Tokens, header: str | None) -> Caller:
    headers = {} if header is None else {"Authorization": header}
    return await caller_of(make_mocked_request("GET", "/", headers=headers), tokens)


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER "])
async def test_a_token_is_in_the_header(store: Store, scheme: str) -> None:
    """The scheme is compared without case, and spaces around the token are ignored."""
    tokens = Tokens(store)
    _, text = await tokens.create("ana", Role.OPERATOR)
    assert await _caller(tokens, f"{scheme} {text}") == Caller("ana", Role.OPERATOR)


@pytest.mark.parametrize("header", [None, "", "Bearer", "Bearer ", "Basic YTpi", "Bearer ew_none", "Bearer é"])
async def test_without_a_known_token_there_is_no_access(store: Store, header: str | None) -> None:
    """No token, another scheme or an unknown token is refused."""
    with pytest.raises(Unauthenticated):
        await _caller(Tokens(store), header)
