"""Tokens and their lines in the audit trail."""

import pytest

from edgeward.errors import NotFound, StoreUnavailable
from edgeward.lists.audit_trail import AuditTrail
from edgeward.operations import tokens
from edgeward.operations.services import Services
from edgeward.types import Role


async def test_each_token_has_its_lines(services: Services) -> None:
    """Who made it and who revoked it; never its text."""
    token, text = await tokens.create(services, "bo", Role.OPERATOR, "ana")
    assert (await services.tokens.caller(text)).name == "bo"
    await tokens.revoke(services, token.id, "cy")
    revoked, created = await services.audit_trail.latest()
    assert (created.op, created.who, created.about["name"], created.about["role"]) == (
        "token.create", "ana", "bo", "operator")  # fmt: skip
    assert (revoked.op, revoked.who, revoked.about["token"]) == ("token.revoke", "cy", token.id)
    assert text not in str((revoked, created))
    with pytest.raises(NotFound):
        await tokens.revoke(services, token.id, "cy")


async def test_without_a_line_there_is_no_token(services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    """If the store is away in between, the name is free again."""

    async def away(self: AuditTrail, *args: object, **about: object) -> None:
        raise StoreUnavailable("gone")

    with monkeypatch.context() as patch:
        patch.setattr(AuditTrail, "note", away)
        with pytest.raises(StoreUnavailable):
            await tokens.create(services, "bo", Role.VIEWER, "ana")
    assert await services.tokens.all() == []
    await tokens.create(services, "bo", Role.VIEWER, "ana")
