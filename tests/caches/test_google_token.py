"""Google's access tokens, compared with Google's own library."""

import base64
import json
import time

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from google.auth import jwt
from google.oauth2 import service_account
from tests.caches.cdn_server import api_server, response
from tests.caches.google_key import key_file, pem

from edgeward.caches.cdn_client import CdnResponse
from edgeward.caches.google_token import GRANT, SCOPE, AccessTokens, ServiceAccount
from edgeward.errors import CacheUnavailable, ConfigError


@pytest.fixture(scope="module")
def key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, 2048)


def public(key: rsa.RSAPrivateKey) -> bytes:
    kind = serialization.PublicFormat.SubjectPublicKeyInfo
    return key.public_key().public_bytes(serialization.Encoding.PEM, kind)


def test_the_assertion_equals_google_s(key: rsa.RSAPrivateKey) -> None:
    """Google's library verifies it, and its claims equal those of the library."""
    text = key_file(pem(key))
    ours = ServiceAccount.parse(text).assertion(time.time())
    credentials = service_account.Credentials.from_service_account_info(json.loads(text), scopes=[SCOPE])
    theirs = credentials._make_authorization_grant_assertion().decode()
    audience = "https://oauth2.googleapis.com/token"
    claims, expected = (jwt.decode(token, certs=public(key), audience=audience) for token in (ours, theirs))
    assert {**claims, "iat": 0, "exp": 0} == {**expected, "iat": 0, "exp": 0}
    assert claims["exp"] - claims["iat"] == expected["exp"] - expected["iat"]
    headers = [json.loads(base64.urlsafe_b64decode(token.split(".")[0] + "==")) for token in (ours, theirs)]
    assert headers[0] == headers[1]


@pytest.mark.parametrize("text", ["", "{}", "[]", "null", "not json", key_file("-----BEGIN PRIVATE KEY-----\nhm")])
def test_what_is_no_key_is_named_so(text: str) -> None:
    """A file that is not a service account's key is a configuration error, which quotes nothing of it."""
    with pytest.raises(ConfigError, match=r"^credentials: not the JSON key of a service account$"):
        ServiceAccount.parse(text)


def test_keys_and_addresses_that_will_not_do(key: rsa.RSAPrivateKey) -> None:
    """RS256 needs an RSA key, and a token is requested over TLS. The key never shows."""
    with pytest.raises(ConfigError, match="RSA"):
        ServiceAccount.parse(key_file(pem(ec.generate_private_key(ec.SECP256R1()))))
    with pytest.raises(ConfigError, match="https"):
        ServiceAccount.parse(key_file(pem(key), "http://oauth2.googleapis.com/token"))
    assert "key=" not in repr(ServiceAccount.parse(key_file(pem(key))))


async def test_a_token_is_asked_for_once(key: rsa.RSAPrivateKey) -> None:
    """The grant of RFC 7523 is posted as a form; the token is used until it is refused or about to expire."""
    replies = [
        response(200, {"access_token": "ya29.a", "expires_in": 3599, "token_type": "Bearer"}),
        response(200, {"access_token": "ya29.b", "expires_in": 60}),
        response(200, {"access_token": "ya29.c", "expires_in": 3599}),
    ]
    waiting = iter(replies)
    async with api_server(lambda _: next(waiting)) as server:
        tokens = AccessTokens(ServiceAccount.parse(key_file(pem(key), f"{server.url}/token")), 10)
        assert [await tokens.token() for _ in range(2)] == ["ya29.a"] * 2
        tokens.forget()
        assert [await tokens.token() for _ in range(2)] == ["ya29.b", "ya29.c"]
        await tokens.close()
    request = server.requests[0]
    assert (request.method, request.target, len(server.requests)) == ("POST", "/token", 3)
    assert request.headers["content-type"] == "application/x-www-form-urlencoded"
    grant, assertion = (part.split("=", 1)[1] for part in request.body.decode().split("&"))
    assert grant.replace("%3A", ":") == GRANT
    assert jwt.decode(assertion, certs=public(key), audience=f"{server.url}/token")["scope"] == SCOPE


async def test_no_token(key: rsa.RSAPrivateKey) -> None:
    """A refusal is returned as it is; server errors are tried again later."""
    async with api_server(lambda _: response(400, {"error": "invalid_grant"})) as server:
        tokens = AccessTokens(ServiceAccount.parse(key_file(pem(key), server.url)), 10)
        refused = await tokens.token()
        assert isinstance(refused, CdnResponse)
        assert refused.fields == {"error": "invalid_grant"}
        server.respond = lambda _: response(503, b"", Retry_After="4")
        with pytest.raises(CacheUnavailable) as away:
            await tokens.token()
        assert (away.value.status, away.value.retry_after) == (503, 4.0)
        server.respond = lambda _: response(200, b"<html>")
        assert isinstance(await tokens.token(), CdnResponse)
        await tokens.close()
