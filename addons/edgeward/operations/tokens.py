"""Tokens: created and revoked by admins, each with a line in the audit trail."""

from edgeward.access import tokens
from edgeward.access.tokens import Token
from edgeward.errors import NotFound
from edgeward.operations.services import Services
from edgeward.types import Role


async def create(services: Services, name: str, role: Role, who: str) -> tuple[Token, str]:
    """Create a token. Returns it, and its text, which can't be read again.

    Raises:
        InvalidValue: the name is not allowed.
        Conflict: the name is taken.
    """
    tokens.check_name(name)
    token, text = await services.tokens.create(name, role)
    try:
        await services.audit_trail.note("token.create", who, token=token.id, name=name, role=role)
    except BaseException:
        # A token that nobody is known to have made gives no access. Its text was not told.
        await services.tokens.revoke(token.id)
        raise
    return token, text


async def revoke(services: Services, token_id: str, who: str) -> Token:
    """Delete a token: it is refused from now on.

    Raises:
        NotFound: no token has this id.
    """
    found = next((each for each in await services.tokens.all() if each.id == token_id), None)
    if found is None:
        raise NotFound(f"no token has the ID {token_id!r}")
    await services.audit_trail.note("token.revoke", who, token=token_id, name=found.name, role=found.role)
    return await services.tokens.revoke(token_id)
