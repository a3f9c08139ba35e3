"""The client of the admin API: how it finds the API, and which error each failure becomes."""

import argparse
import json
from pathlib import Path

import pytest
from tests.cli.conftest import Api, replying
from tests.support.programs import free_port

from edgeward.cli.client import Client
from edgeward.errors import ApiUnavailable, ConfigError, Conflict, EdgewardError, Forbidden, NotFound, UserError

ROUTE = "GET /api/v1/lists"


def _args(config: Path | None = None) -> argparse.Namespace:
    return argparse.Namespace(config=config, json=False)


def _config(directory: Path) -> Path:
    path = directory / "edgeward.toml"
    path.write_text('state_dir = "state"\n')
    (directory / "state").mkdir()
    return path


def test_sends_the_token_and_quotes_the_path(api: Api) -> None:
    """A request carries the bearer token, and a name with slashes stays one path segment."""
    api.answer("GET /api/v1/lists/a%2F..%2Fb%20c", {"ok": True})
    answer = Client(api.url, "ew_x").get("lists", "a/../b c", query={"limit": 5, "left_out": None})
    assert answer == {"ok": True}
    assert api.requests[0].headers["Authorization"] == "Bearer ew_x"
    assert api.requests[0].path.endswith("?limit=5")


def test_bytes_are_sent_unchanged_and_all_else_as_json(api: Api) -> None:
    """An image is sent byte for byte, an object as JSON."""
    api.answer("POST /api/v1/check", {})
    client = Client(api.url, "t")
    client.post("check", body=b"\xff\xd8\x00")
    client.post("check", body={"hash": "x"})
    image, other = api.requests
    assert (image.headers["Content-Type"], image.body) == ("application/octet-stream", b"\xff\xd8\x00")
    assert (other.headers["Content-Type"], other.json) == ("application/json", {"hash": "x"})


@pytest.mark.parametrize(
    ("status", "error", "exit_status"),
    [
        (400, UserError, 2),
        (401, Forbidden, 2),
        (403, Forbidden, 2),
        (404, NotFound, 2),
        (405, UserError, 2),
        (409, Conflict, 2),
        (413, UserError, 2),
        (422, UserError, 2),
        (500, ApiUnavailable, 3),
        (503, ApiUnavailable, 3),
    ],
)
def test_a_problem_becomes_its_error(api: Api, status: int, error: type[EdgewardError], exit_status: int) -> None:
    """The detail of a problem document is the message; its status selects the error and so the exit status."""
    api.problem(ROUTE, status, "what is wrong")
    with pytest.raises(error, match=r"^what is wrong$") as caught:
        Client(api.url, "t").get("lists")
    assert type(caught.value) is error
    assert caught.value.exit_status == exit_status


def test_an_api_that_does_not_answer_is_named() -> None:
    """A refused connection is ApiUnavailable and names the address."""
    url = f"http://127.0.0.1:{free_port()}"
    with pytest.raises(ApiUnavailable, match=f"no response from {url}"):
        Client(url, "t").get("lists")


def test_a_response_without_json_is_not_the_api(api: Api) -> None:
    """Another HTTP server at the address is not taken for the API."""
    api.answer(ROUTE, b"<html>hello</html>")
    with pytest.raises(ApiUnavailable, match="without JSON"):
        Client(api.url, "t").get("lists")


def test_a_server_without_http_is_not_the_api() -> None:
    """A server that does not speak HTTP is ApiUnavailable, not a traceback."""
    with replying(b"220 mail.example ESMTP\r\n") as url, pytest.raises(ApiUnavailable, match="is not an HTTP server"):
        Client(url, "t").get("lists")


def test_an_empty_response_is_none(api: Api) -> None:
    """A response without a body is None and not an error."""
    api.answer("DELETE /api/v1/tokens/x", b"")
    assert Client(api.url, "t").delete("tokens", "x") is None


def test_an_upload_refused_half_way_shows_the_reason() -> None:
    """If a server answers 413 and closes before it has read the body, its message is still raised."""
    detail = b'{"detail": "the body is larger than 10 bytes", "status": 413}'
    head = b"HTTP/1.1 413 Too Large\r\nContent-Length: %d\r\nConnection: close\r\n\r\n" % len(detail)
    with replying(head + detail, hang_up=True) as url, pytest.raises(UserError, match="larger than 10 bytes"):
        Client(url, "t").post("check", body=bytes(8_000_000))


def test_the_environment_names_the_api(api: Api) -> None:
    """EDGEWARD_API and EDGEWARD_TOKEN come before the settings."""
    assert Client.find(_args()) == Client(api.url, "ew_secret")


@pytest.mark.parametrize("missing", ["EDGEWARD_API", "EDGEWARD_TOKEN"])
def test_one_variable_alone_is_refused(api: Api, monkeypatch: pytest.MonkeyPatch, missing: str) -> None:
    """The token of this machine is never sent to another address, nor another token to this machine."""
    monkeypatch.delenv(missing)
    with pytest.raises(ConfigError, match=f"{missing} is not set"):
        Client.find(_args())


@pytest.mark.parametrize("url", ["example.org", "ftp://example.org", "http://", "http://h:port", "http://[::1"])
def test_an_impossible_address_is_named(api: Api, monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    """EDGEWARD_API must be an http or https URL."""
    monkeypatch.setenv("EDGEWARD_API", url)
    with pytest.raises(ConfigError, match="EDGEWARD_API"):
        Client.find(_args())


def test_a_token_cannot_smuggle_a_header(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """A line break in EDGEWARD_TOKEN is an error, and the message does not show the token."""
    monkeypatch.setenv("EDGEWARD_TOKEN", "ew_x\r\nX-Evil: 1")
    with pytest.raises(ConfigError) as caught:
        Client.find(_args())
    assert "ew_x" not in str(caught.value)


def test_the_settings_lead_to_the_local_api(tmp_path: Path) -> None:
    """Without the variables, state_dir/api.json of the settings holds the address and the token."""
    config = _config(tmp_path)
    (tmp_path / "state" / "api.json").write_text(json.dumps({"url": "http://127.0.0.1:1", "token": "ew_l", "pid": 1}))
    assert Client.find(_args(config)) == Client("http://127.0.0.1:1", "ew_l")


def test_no_api_json_says_what_to_do(tmp_path: Path) -> None:
    """If no Edgeward is running, the message says what to start and how to reach another machine."""
    with pytest.raises(ApiUnavailable, match=r"api\.json is missing.*edgeward run.*EDGEWARD_API") as caught:
        Client.find(_args(_config(tmp_path)))
    assert caught.value.exit_status == 3


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"url": "x"}', "\xff"])
def test_a_broken_api_json_is_named(tmp_path: Path, text: str) -> None:
    """An api.json without address and token is ApiUnavailable, not a traceback."""
    config = _config(tmp_path)
    (tmp_path / "state" / "api.json").write_text(text, "latin-1")
    with pytest.raises(ApiUnavailable, match="does not hold"):
        Client.find(_args(config))


def test_the_token_is_not_in_the_repr() -> None:
    """A traceback or log with a client in it does not show the token."""
    assert "ew_x" not in repr(Client("http://h", "ew_x"))


def test_a_controller_that_was_started_again_is_asked_once_more(api: Api, tmp_path: Path) -> None:
    """Its new token is in api.json; the old one is refused. Another refusal is final."""
    access_file = tmp_path / "api.json"
    api.problem(ROUTE, 401, "the token is unknown or revoked")

    def write(token: str) -> None:
        access_file.write_text(json.dumps({"url": api.url, "token": token, "pid": 1}))

    write("ew_new")
    with pytest.raises(Forbidden, match="unknown or revoked"):
        Client(api.url, "ew_old", access_file).get("lists")
    assert [request.headers["Authorization"] for request in api.requests] == ["Bearer ew_old", "Bearer ew_new"]
    for token, file in (("ew_new", access_file), ("ew_old", None), ("ew_old", tmp_path / "gone.json")):
        api.requests.clear()
        with pytest.raises(Forbidden):
            Client(api.url, token, file).get("lists")
        assert len(api.requests) == 1


def test_the_new_token_is_used(api: Api, tmp_path: Path) -> None:
    """The request is answered as if the first token had been right."""
    access_file = tmp_path / "api.json"
    other = tmp_path / "other.json"
    api.problem(ROUTE, 401, "the token is unknown or revoked")
    api.answer("GET /moved/api/v1/lists", {"lists": []})
    access_file.write_text(json.dumps({"url": f"{api.url}/moved", "token": "ew_new", "pid": 1}))
    assert not other.exists()
    assert Client(api.url, "ew_old", access_file).get("lists") == {"lists": []}


def test_a_download_comes_in_parts(api: Api, tmp_path: Path) -> None:
    """Of any size; a new token is used for it too; a refusal is raised before anything is read."""
    access_file, body = tmp_path / "api.json", bytes(range(256)) * 4000
    api.problem(ROUTE, 401, "the token is unknown or revoked")
    with pytest.raises(Forbidden), Client(api.url, "ew_old").download("lists"):
        pytest.fail("opened")
    api.answer("GET /moved/api/v1/lists", body)
    access_file.write_text(json.dumps({"url": f"{api.url}/moved", "token": "ew_new", "pid": 1}))
    with Client(api.url, "ew_old", access_file).download("lists", query={"format": "csv"}) as parts:
        found = list(parts)
    assert (len(found) > 1, b"".join(found)) == (True, body)
    assert api.requests[-1].path.endswith("?format=csv")


def test_a_download_that_breaks_off_is_not_whole() -> None:
    """Neither one in chunks without the last, nor one that is shorter than it was to be."""
    for head in (b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n", b"Content-Length: 9\r\n\r\nabc"):
        with (
            replying(b"HTTP/1.1 200 OK\r\n" + head, hang_up=True) as url,
            pytest.raises(ApiUnavailable, match="not whole"),
            Client(url, "t").download("lists") as parts,
        ):
            list(parts)
