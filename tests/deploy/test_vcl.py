"""deploy/docker/main.vcl and deploy/varnish/default.vcl as an operator runs them, with and without a secret."""

import http.client
import os
import shutil
import subprocess
import time
from pathlib import Path

import pytest
from tests.parts import free_port, require

DEPLOY = Path(__file__).parents[2] / "deploy"


@pytest.fixture
def vcl(tmp_path: Path) -> Path:
    """The directory as containers mount it; only the origin's name, which nobody resolves here, is replaced."""
    shutil.copy(DEPLOY / "varnish" / "edgeward.vcl", tmp_path)
    text = (DEPLOY / "docker" / "main.vcl").read_text()
    assert '.host = "origin"' in text
    (tmp_path / "main.vcl").write_text(text.replace('"origin"', '"127.0.0.1"'))
    return tmp_path


def start(vcl: Path, secret: str | None) -> tuple[int | None, str]:
    """Start Varnish for a moment: its exit status (None: it ran until it was ended) and what it said."""
    environment = {name: value for name, value in os.environ.items() if name != "EDGEWARD_PURGE_SECRET"}
    if secret is not None:
        environment["EDGEWARD_PURGE_SECRET"] = secret
    command: list[str | Path] = [require("varnishd"), "-F", "-j", "none", "-n", vcl / "run", "-a", "127.0.0.1:0",
               "-f", vcl / "main.vcl", "-p", f"vcl_path={vcl}", "-s", "malloc,16m"]  # fmt: skip
    server = subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)
    assert server.stderr
    said = ""
    for line in server.stderr:
        said += line
        if "Child launched OK" in line and "Failed initialization" not in said:
            try:
                server.wait(1)
            except subprocess.TimeoutExpired:
                server.terminate()
                server.communicate(timeout=10)
                return None, said
    return server.wait(10), said


def test_varnish_runs_it(vcl: Path) -> None:
    """With a secret, Varnish starts and stays."""
    status, said = start(vcl, "0123456789abcdef")
    assert status is None, said


@pytest.mark.parametrize("secret", [None, "", "short"])
def test_varnish_refuses_to_run_without_a_secret(vcl: Path, secret: str | None) -> None:
    """Without a secret, or with a short one, Varnish ends and says why: any private address could purge."""
    status, said = start(vcl, secret)
    assert status
    assert "EDGEWARD_PURGE_SECRET must be set" in said


@pytest.mark.parametrize("secret", [None, "", "0123456789abcdef"])
def test_default_vcl_wants_a_secret_only_if_it_has_one(tmp_path: Path, secret: str | None) -> None:
    """Without EDGEWARD_PURGE_SECRET in its environment, Varnish takes purges from the addresses of its acl."""
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
        server.wait(10)


def purge(port: int, headers: dict[str, str]) -> int:
    """The status of a PURGE for something that is not cached, once Varnish answers."""
    deadline = time.monotonic() + 20
    while True:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        try:
            connection.request("PURGE", "/", headers=headers)
            return connection.getresponse().status
        except ConnectionRefusedError:
            assert time.monotonic() < deadline, "Varnish does not answer"
            time.sleep(0.05)
        finally:
            connection.close()
