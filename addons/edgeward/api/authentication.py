"""Who makes a request: the token in its Authorization header."""

from aiohttp import web

from edgeward.access.tokens import Caller, Tokens, Unauthenticated


async def caller_of(request: web.Request, tokens: Tokens) -> Caller:
    """The caller identified by the Authorization header (RFC 6750, section 2.1).

    Raises:
        Unauthenticated: there is no token, or it is unknown.
    """
    scheme, _, text = request.headers.get("Authorization", "").partition(" ")
    text = text.strip()
    if scheme.lower() != "bearer" or not text:
        raise Unauthenticated("a token is needed: Authorization: Bearer TOKEN")
    return await tokens.caller(text)
