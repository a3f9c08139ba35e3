"""Tokens through the API."""

import pytest
from tests.support.controllers import Api


def test_a_token_is_shown_once(api: Api) -> None:
    """Its text is only in the answer that creates it, and gives access."""
    made = api.post("/tokens", {"name": "bo", "role": "viewer"})
    assert made.status == 201
    listed = api.get("/tokens")
    assert made.json["id"] in [token["id"] for token in listed.json["tokens"]]
    assert made.json["token"] not in listed.body.decode()
    assert api.as_(made.json["token"]).get("/lists").status == 200


def test_a_revoked_token_is_refused_at_once(api: Api) -> None:
    """After the answer to the revocation the token gives no access."""
    made = api.post("/tokens", {"name": "cy", "role": "admin"}).json
    assert api.delete(f"/tokens/{made['id']}").json["removed"]["name"] == "cy"
    assert api.as_(made["token"]).get("/lists").status == 401
    assert api.delete(f"/tokens/{made['id']}").status == 404


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"name": "local", "role": "admin"}, 409),
        ({"name": "the-admin", "role": "admin"}, 409),
        ({"name": "di", "role": "king"}, 422),
        ({"name": "two words", "role": "viewer"}, 422),
    ],
)
def test_bad_tokens_are_refused(api: Api, callers: dict[str, Api], body: object, status: int) -> None:
    """A taken name is a conflict. An invalid name or an unknown role is an error."""
    assert api.post("/tokens", body).status == status
