"""Tokens and roles."""

import pytest

from edgeward.control.auth import Caller, Tokens, Unauthenticated
from edgeward.errors import Conflict, Forbidden, NotFound
from edgeward.store.connection import Store
from edgeward.types import Role


async def test_a_token_opens_what_its_role_allows(store: Store) -> None:
    """Who shows a token is known by its name and role."""
    tokens = Tokens(store)
    _, text = await tokens.create("ana", Role.OPERATOR)
    assert await tokens.caller(f"Bearer {text}") == Caller("ana", Role.OPERATOR)
    assert await tokens.caller(f"bearer  {text}") == Caller("ana", Role.OPERATOR)


async def test_the_store_never_holds_a_token(store: Store) -> None:
    """A copy of the store must not open the API."""
    tokens = Tokens(store)
    _, text = await tokens.create("ana", Role.ADMIN)
    for key in await store.redis.keys(store.key("*")):
        everything = repr(await store.redis.hgetall(key))
        assert text not in everything
        assert tokens.local not in everything


async def test_tokens_are_shared_by_all_controllers_but_the_local_one_is_not(store: Store) -> None:
    """A token made through one controller opens another; the local one opens only its own."""
    one, other = Tokens(store), Tokens(store)
    _, text = await one.create("ana", Role.VIEWER)
    assert (await other.caller(f"Bearer {text}")).name == "ana"
    assert await one.caller(f"Bearer {one.local}") == Caller("local", Role.ADMIN)
    with pytest.raises(Unauthenticated):
        await other.caller(f"Bearer {one.local}")


@pytest.mark.parametrize("header", [None, "", "Bearer", "Bearer ", "Basic YTpi", "Bearer ew_none", "Bearer é\udcff"])
async def test_without_a_known_token_nobody_comes_in(store: Store, header: str | None) -> None:
    """No token, another scheme or an unknown token is refused."""
    with pytest.raises(Unauthenticated):
        await Tokens(store).caller(header)


async def test_a_revoked_token_opens_nothing_and_frees_its_name(store: Store) -> None:
    """Revoking acts at once, and the name may be given again."""
    tokens = Tokens(store)
    made, text = await tokens.create("ana", Role.ADMIN)
    assert await tokens.revoke(made.id) == made
    with pytest.raises(Unauthenticated):
        await tokens.caller(f"Bearer {text}")
    with pytest.raises(NotFound, match=made.id):
        await tokens.revoke(made.id)
    await tokens.create("ana", Role.ADMIN)


async def test_names_differ(store: Store) -> None:
    """Two tokens of one name could not be told apart in the audit trail; "local" is taken from the start."""
    tokens = Tokens(store)
    await tokens.create("ana", Role.VIEWER)
    for name in ("ana", "local"):
        with pytest.raises(Conflict, match=name):
            await tokens.create(name, Role.ADMIN)
    assert [(token.name, token.role) for token in await tokens.all()] == [("ana", Role.VIEWER)]


@pytest.mark.parametrize("has", Role)
@pytest.mark.parametrize("needs", Role)
def test_a_role_includes_the_lesser_ones(has: Role, needs: Role) -> None:
    """viewer < operator < admin, and nothing else."""
    order = [Role.VIEWER, Role.OPERATOR, Role.ADMIN]
    caller = Caller("ana", has)
    if order.index(has) >= order.index(needs):
        caller.require(needs)
    else:
        with pytest.raises(Forbidden, match=f"{needs}.*{has}"):
            caller.require(needs)
