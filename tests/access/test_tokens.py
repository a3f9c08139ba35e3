"""API tokens and roles."""

import json

import pytest

from edgeward.access.tokens import Caller, Token, Tokens, Unauthenticated
from edgeward.errors import Conflict, Forbidden, InvalidValue, NotFound
from edgeward.store.connection import Store
from edgeward.types import Role


async def test_a_token_identifies_its_caller(store: Store) -> None:
    """By the token's name and role."""
    tokens = Tokens(store)
    _, text = await tokens.create("ana", Role.OPERATOR)
    assert await tokens.caller(text) == Caller("ana", Role.OPERATOR)


async def test_the_store_never_holds_a_token(store: Store) -> None:
    """A copy of the store must give no access to the API."""
    tokens = Tokens(store)
    _, text = await tokens.create("ana", Role.ADMIN)
    for key in await store.redis.keys(store.key("*")):
        everything = repr(await store.redis.hgetall(key))
        assert text not in everything
        assert tokens.local not in everything


async def test_tokens_are_shared_by_all_controllers_but_the_local_one_is_not(store: Store) -> None:
    """A token created by one controller is accepted by another. The local one is accepted only by its own."""
    one, other = Tokens(store), Tokens(store)
    _, text = await one.create("ana", Role.VIEWER)
    assert (await other.caller(text)).name == "ana"
    assert await one.caller(one.local) == Caller("local", Role.ADMIN)
    with pytest.raises(Unauthenticated):
        await other.caller(one.local)


@pytest.mark.parametrize("text", ["", "ew_none", "é\udcff"])
async def test_without_a_known_token_there_is_no_access(store: Store, text: str) -> None:
    """Nothing, an unknown token, or bytes that are no text."""
    with pytest.raises(Unauthenticated):
        await Tokens(store).caller(text)


@pytest.mark.parametrize("name", ["", "two words", "@a", "a" * 65, "a\n", "é"])
async def test_a_name_is_of_plain_characters(store: Store, name: str) -> None:
    """It is in audit trails and logs of commands. The error names what is wrong, and there is no token."""
    tokens = Tokens(store)
    with pytest.raises(InvalidValue, match=r"^name: ") as caught:
        await tokens.create(name, Role.VIEWER)
    assert caught.value.key == "name"
    assert await tokens.all() == []


async def test_a_revoked_token_is_refused_and_its_name_is_free(store: Store) -> None:
    """Revocation takes effect at once, and the name can be used again."""
    tokens = Tokens(store)
    made, text = await tokens.create("ana", Role.ADMIN)
    assert await tokens.revoke(made.id) == made
    with pytest.raises(Unauthenticated):
        await tokens.caller(text)
    with pytest.raises(NotFound, match=made.id):
        await tokens.revoke(made.id)
    await tokens.create("ana", Role.ADMIN)


async def test_names_are_unique(store: Store) -> None:
    """The audit trail identifies callers by name. "local" is always taken."""
    tokens = Tokens(store)
    await tokens.create("ana", Role.VIEWER)
    for name in ("ana", "local"):
        with pytest.raises(Conflict, match=name):
            await tokens.create(name, Role.ADMIN)
    assert [(token.name, token.role) for token in await tokens.all()] == [("ana", Role.VIEWER)]


@pytest.mark.parametrize("has", Role)
@pytest.mark.parametrize("needs", Role)
def test_a_role_includes_the_smaller_ones(has: Role, needs: Role) -> None:
    """viewer < operator < admin."""
    order = [Role.VIEWER, Role.OPERATOR, Role.ADMIN]
    caller = Caller("ana", has)
    if order.index(has) >= order.index(needs):
        caller.require(needs)
    else:
        with pytest.raises(Forbidden, match=f"{needs}.*{has}"):
            caller.require(needs)


async def test_two_revocations_at_once_are_one(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """The slower one finds no token. It does not free the name, which a new token may have by then."""
    tokens, slow = Tokens(store), Tokens(store)
    token, _ = await tokens.create("ana", Role.ADMIN)
    read = slow._read

    async def read_before_the_other_revokes() -> dict[str, Token]:
        records = await read()
        await tokens.revoke(token.id)
        await tokens.create("ana", Role.VIEWER)
        return records

    monkeypatch.setattr(slow, "_read", read_before_the_other_revokes)
    with pytest.raises(NotFound):
        await slow.revoke(token.id)
    with pytest.raises(Conflict):
        await tokens.create("ana", Role.VIEWER)
    assert [each.role for each in await tokens.all()] == [Role.VIEWER]


async def test_tokens_of_a_later_release(store: Store) -> None:
    """A role that is not known may do the least; a token that can't be read is refused, and hides no other."""
    tokens = Tokens(store)
    _, text = await tokens.create("ana", Role.ADMIN)
    key = store.key("{tokens}", "by-digest")
    ((digest, record),) = (await store.redis.hgetall(key)).items()
    data = json.loads(record)
    await store.redis.hset(key, digest, json.dumps({**data, "role": "auditor", "expires": 9}))
    assert await tokens.caller(text) == Caller("ana", Role.VIEWER)
    await store.redis.hset(key, "other", json.dumps({**data, "needs": 9}))
    assert [each.name for each in await tokens.all()] == ["ana"]
