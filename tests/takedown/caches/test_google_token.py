"""Google's access tokens. Google's own library is the measure of the assertion."""

import base64
import json
import time

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from google.auth import jwt
from google.oauth2 import service_account
from tests.takedown.caches.fakes import fake, said

from edgeward.errors import CacheUnavailable, ConfigError
from edgeward.takedown.caches.api import Reply
from edgeward.takedown.caches.google_token import GRANT, SCOPE, ServiceAccount, Tokens


def pem(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey) -> str:
    kind, plain = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    return key.private_bytes(serialization.Encoding.PEM, kind, plain).decode()


def key_file(key: str, token_uri: str = "https://oauth2.googleapis.com/token") -> str:
    """The JSON key of a service account."""
    return json.dumps(
        {
            "type": "service_account",
            "project_id": "shop",
            "private_key_id": "k1",
            "private_key": key,
            "client_email": "purge@shop.iam.gserviceaccount.com",
            "token_uri": token_uri,
        }
    )


@pytest.fixture(scope="module")
def key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, 2048)


def public(key: rsa.RSAPrivateKey) -> bytes:
    kind = serialization.PublicFormat.SubjectPublicKeyInfo
    return key.public_key().public_bytes(serialization.Encoding.PEM, kind)


def test_the_assertion_is_google_s_own(key: rsa.RSAPrivateKey) -> None:
    """Google's library verifies it, and finds in it what it would have put there itself."""
    text = key_file(pem(key))
    ours = ServiceAccount.parse(text).assertion(time.time())
    credentials = service_account.Credentials.from_service_account_info(json.loads(text), scopes=[SCOPE])
    theirs = credentials._make_authorization_grant_assertion().decode()
    audience = "https://oauth2.googleapis.com/token"
    told, expected = (jwt.decode(token, certs=public(key), audience=audience) for token in (ours, theirs))
    assert {**told, "iat": 0, "exp": 0} == {**expected, "iat": 0, "exp": 0}
    assert told["exp"] - told["iat"] == expected["exp"] - expected["iat"]
    headers = [json.loads(base64.urlsafe_b64decode(token.split(".")[0] + "==")) for token in (ours, theirs)]
    assert headers[0] == headers[1]


@pytest.mark.parametrize("text", ["", "{}", "[]", "null", "not json", key_file("-----BEGIN PRIVATE KEY-----\nhm")])
def test_what_is_no_key_is_named_so(text: str) -> None:
    """A file that is no service account's key is a configuration error that shows nothing of it."""
    with pytest.raises(ConfigError, match=r"^credentials: not the JSON key of a service account$"):
        ServiceAccount.parse(text)


def test_keys_and_addresses_that_will_not_do(key: rsa.RSAPrivateKey) -> None:
    """Only RSA signs RS256, and a token is asked for over TLS. The key never shows."""
    with pytest.raises(ConfigError, match="RSA"):
        ServiceAccount.parse(key_file(pem(ec.generate_private_key(ec.SECP256R1()))))
    with pytest.raises(ConfigError, match="https"):
        ServiceAccount.parse(key_file(pem(key), "http://oauth2.googleapis.com/token"))
    assert "key=" not in repr(ServiceAccount.parse(key_file(pem(key))))


async def test_a_token_is_asked_for_once(key: rsa.RSAPrivateKey) -> None:
    """The grant of RFC 7523 is posted as a form; the token is used until it was refused or has little life left."""
    replies = [
        said(200, {"access_token": "ya29.a", "expires_in": 3599, "token_type": "Bearer"}),
        said(200, {"access_token": "ya29.b", "expires_in": 60}),
        said(200, {"access_token": "ya29.c", "expires_in": 3599}),
    ]
    waiting = iter(replies)
    async with fake(lambda _: next(waiting)) as server:
        tokens = Tokens(ServiceAccount.parse(key_file(pem(key), f"{server.url}/token")), 10)
        assert [await tokens.token() for _ in range(2)] == ["ya29.a"] * 2
        tokens.forget()
        assert [await tokens.token() for _ in range(2)] == ["ya29.b", "ya29.c"]
        await tokens.close()
    asked = server.asked[0]
    assert (asked.method, asked.target, len(server.asked)) == ("POST", "/token", 3)
    assert asked.headers["content-type"] == "application/x-www-form-urlencoded"
    grant, assertion = (part.split("=", 1)[1] for part in asked.body.decode().split("&"))
    assert grant.replace("%3A", ":") == GRANT
    assert jwt.decode(assertion, certs=public(key), audience=f"{server.url}/token")["scope"] == SCOPE


async def test_no_token(key: rsa.RSAPrivateKey) -> None:
    """A refusal comes back as it is; trouble over there is asked again later."""
    async with fake(lambda _: said(400, {"error": "invalid_grant"})) as server:
        tokens = Tokens(ServiceAccount.parse(key_file(pem(key), server.url)), 10)
        refused = await tokens.token()
        assert isinstance(refused, Reply)
        assert refused.fields == {"error": "invalid_grant"}
        server.answer = lambda _: said(503, b"", Retry_After="4")
        with pytest.raises(CacheUnavailable) as away:
            await tokens.token()
        assert (away.value.status, away.value.retry_after) == (503, 4.0)
        server.answer = lambda _: said(200, b"<html>")
        assert isinstance(await tokens.token(), Reply)
        await tokens.close()
