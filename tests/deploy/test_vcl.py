"""deploy/docker/main.vcl and deploy/varnish as an operator runs them, with and without a secret."""

import contextlib
import http.client
import os
import shutil
import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from tests.support.eventually import until
from tests.support.programs import free_port, require

DEPLOY = Path(__file__).parents[2] / "deploy"


@pytest.fixture
def vcl(tmp_path: Path) -> Path:
    """The directory as containers mount it. Only the name of the origin, which does not resolve here, is replaced."""
    shutil.copy(DEPLOY / "varnish" / "edgeward.vcl", tmp_path)
    text = (DEPLOY / "docker" / "main.vcl").read_text()
    assert '.host = "origin"' in text
    (tmp_path / "main.vcl").write_text(text.replace('"origin"', '"127.0.0.1"'))
    return tmp_path


def start(vcl: Path, secret: str | None) -> tuple[int | None, str]:
    """Run Varnish until it answers or ends. Returns its exit status (None: it answered) and its output."""
    port, log = free_port(), vcl / "log"
    environment = {name: value for name, value in os.environ.items() if name != "EDGEWARD_PURGE_SECRET"}
    if secret is not None:
        environment["EDGEWARD_PURGE_SECRET"] = secret
    command: list[str | Path] = [require("varnishd"), "-F", "-j", "none", "-n", vcl / "run", "-a", f"127.0.0.1:{port}",
               "-f", vcl / "main.vcl", "-p", f"vcl_path={vcl}", "-s", "malloc,16m"]  # fmt: skip
    with log.open("w") as output:
        server = subprocess.Popen(command, env=environment, stderr=output, stdout=subprocess.DEVNULL)
    try:
        until(lambda: server.poll() is not None or _answers(port), "an answer or the end of Varnish")
        return server.poll(), log.read_text()
    finally:
        server.terminate()
        server.wait(60)


def _answers(port: int) -> bool:
    """Whether it answers a request: it accepts connections before its VCL is compiled."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    with contextlib.closing(connection), contextlib.suppress(OSError, http.client.HTTPException):
        connection.request("GET", "/")
        return connection.getresponse().status > 0
    return False


def test_varnish_runs_it(vcl: Path) -> None:
    """With a secret, Varnish starts and serves."""
    status, output = start(vcl, "0123456789abcdef")
    assert status is None, output


@pytest.mark.parametrize("secret", [None, "", "short"])
def test_varnish_refuses_to_run_without_a_secret(vcl: Path, secret: str | None) -> None:
    """Without a secret, or with a short one, Varnish ends and says why: any private address could purge."""
    status, output = start(vcl, secret)
    assert status
    assert "EDGEWARD_PURGE_SECRET must be set" in output


@pytest.mark.parametrize("secret", [None, "", "0123456789abcdef"])
def test_default_vcl_requires_a_secret_only_if_one_is_set(tmp_path: Path, secret: str | None) -> None:
    """Without EDGEWARD_PURGE_SECRET in its environment, Varnish accepts purges from the addresses of its acl."""
    port = free_port()
    environment = {name: value for name, value in os.environ.items() if name != "EDGEWARD_PURGE_SECRET"}
    if secret is not None:
        environment["EDGEWARD_PURGE_SECRET"] = secret
    command: list[str | Path] = [require("varnishd"), "-F", "-j", "none", "-n", tmp_path, "-a", f"127.0.0.1:{port}",
               "-f", DEPLOY / "varnish" / "default.vcl", "-p", f"vcl_path={DEPLOY / 'varnish'}",
               "-s", "malloc,16m"]  # fmt: skip
    server = subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    try:
        assert purge(port, {}) == (403 if secret else 404)
        assert purge(port, {"Edgeward-Secret": "0123456789abcdef"}) == 404
    finally:
        server.terminate()
        server.wait(60)


class HeaderEcho(BaseHTTPRequestHandler):
    """An origin that answers with the method and the names of Edgeward's headers that reached it."""

    def do_GET(self) -> None:
        ours = [name for name in self.headers if name.lower().startswith("edgeward")]
        self.send_response(200)
        self.send_header("Reached", " ".join([self.command, *ours]))
        self.end_headers()

    do_PURGETAG = do_BAN = do_POST = do_GET  # noqa: N815

    def log_message(self, *_: object) -> None:
        """No log."""


@pytest.fixture
def origin() -> Iterator[int]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), HeaderEcho)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    yield server.server_address[1]
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def varnish(tmp_path: Path, origin: int, request: pytest.FixtureRequest) -> Iterator[int]:
    """The port of a Varnish with default.vcl, these includes in this order, and a secret, in front of that origin."""
    port = free_port()
    text = (DEPLOY / "varnish" / "default.vcl").read_text()
    assert text.count('"8000"') == text.count('include "edgeward.vcl";') == 1
    includes = "\n".join(f'include "{name}.vcl";' for name in request.param)
    text = text.replace('"8000"', f'"{origin}"').replace('include "edgeward.vcl";', includes)
    (tmp_path / "default.vcl").write_text(text)
    command: list[str | Path] = [require("varnishd"), "-F", "-j", "none", "-n", tmp_path, "-a", f"127.0.0.1:{port}",
               "-f", tmp_path / "default.vcl", "-p", f"vcl_path={DEPLOY / 'varnish'}",
               "-s", "malloc,16m"]  # fmt: skip
    environment = {**os.environ, "EDGEWARD_PURGE_SECRET": SECRET}
    server = subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    try:
        yield port
    finally:
        server.terminate()
        server.wait(60)


SECRET = "0123456789abcdef"
ALL = ("edgeward", "edgeward-tags", "edgeward-bans")
ORDERS = [ALL, ("edgeward-tags", "edgeward", "edgeward-bans"), ("edgeward-bans", "edgeward-tags", "edgeward")]


@pytest.mark.parametrize("varnish", ORDERS, indirect=True, ids="-".join)
def test_purges_need_the_secret_in_any_order_of_includes(varnish: int) -> None:
    """In any order of the three files, no purge works without the secret, and each works with it."""
    tag = {"Edgeward-Tag": "ew-1"}
    for method in ("PURGE", "PURGETAG", "BAN"):
        for headers in ({}, {"Edgeward-Secret": "guess"}, {"Edgeward-Purged": "0"}):
            assert ask(varnish, method, {**headers, **tag}) == (403, None)
    expected = {"PURGE": (404, "0"), "PURGETAG": (404, "0"), "BAN": (200, "ban")}
    assert {method: ask(varnish, method, {"Edgeward-Secret": SECRET, **tag}) for method in expected} == expected


@pytest.mark.parametrize("varnish", [("edgeward",)], indirect=True)
def test_the_secret_never_reaches_the_origin(varnish: int) -> None:
    """The origin never gets the secret, whatever the method of the request that carries it."""
    for method in ("GET", "POST", "PURGETAG", "BAN"):
        connection = _connected(varnish)
        connection.request(method, "/", headers={"Edgeward-Secret": SECRET, "Host": "img.test"})
        assert connection.getresponse().headers["Reached"] == method
        connection.close()


@pytest.mark.parametrize("varnish", [ALL], indirect=True)
def test_malformed_tags_and_prefixes_are_refused(varnish: int) -> None:
    """A tag or prefix that could match more than itself gets a 400."""
    for value in ("", "a b", 'a"', "*"):
        assert ask(varnish, "PURGETAG", {"Edgeward-Secret": SECRET, "Edgeward-Tag": value})[0] == 400
    assert ask(varnish, "PURGETAG", {"Edgeward-Secret": SECRET})[0] == 400
    for host in ("a b", "a && obj.status != 0"):
        assert ask(varnish, "BAN", {"Edgeward-Secret": SECRET, "Host": host})[0] == 400
    assert ask(varnish, "BAN", {"Edgeward-Secret": SECRET}, "*")[0] == 400


def ask(port: int, method: str, headers: dict[str, str], path: str = "/") -> tuple[int, str | None]:
    """(Status, X-Purged) of a request, once Varnish answers."""
    connection = _connected(port)
    connection.request(method, path, headers=headers)
    response = connection.getresponse()
    connection.close()
    return response.status, response.headers["X-Purged"]


def _connected(port: int) -> http.client.HTTPConnection:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    until(lambda: _connects(connection), "a connection to Varnish")
    return connection


def _connects(connection: http.client.HTTPConnection) -> bool:
    with contextlib.suppress(ConnectionRefusedError):
        connection.connect()
        return True
    return False


def purge(port: int, headers: dict[str, str]) -> int:
    """The status of a PURGE for something that is not cached, once Varnish answers."""
    return ask(port, "PURGE", headers)[0]
