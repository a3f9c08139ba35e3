"""The first deployment of the README: each command is run in a shell, with a real Varnish."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from tests.support.programs import free_port, require

from edgeward.demo import photos

ROOT = Path(__file__).parents[2]
PORTS = ("8000", "6081", "8080", "8081")
"""Ports in the README: origin, cache, proxy and admin API."""
CURL_WITH_ANSWER = re.compile(r"^(curl .*?http_code.*?)\s+# (\d{3})\b.*$", re.MULTILINE)


ACT_OF_PHOTO = "$(edgeward check site/photo.jpg --json | grep -oE 'act-[0-9a-f]+' | head -1)"
REPLACED = {
    "make setup\n": "",
    "edgeward undo ACT": f"edgeward undo {ACT_OF_PHOTO}",
    "--retry 60 ": "--retry 120 ",  # a machine that runs all tests at once is slow
}
CLEAN_UP = """end() { kill $(jobs -p) $(cat .state/varnish/_.pid) 2>/dev/null; wait; }
trap end EXIT"""


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """What the commands of the README need: deploy/, `edgeward`, and a photograph in the home directory."""
    shutil.copytree(ROOT / "deploy", tmp_path / "deploy")
    program = tmp_path / ".venv" / "bin" / "edgeward"
    program.parent.mkdir(parents=True)
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m edgeward "$@"\n')
    program.chmod(0o755)
    (tmp_path / "photo.jpg").write_bytes(photos.builtin_photos()[0].body)
    return tmp_path


def section() -> str:
    readme = (ROOT / "README.md").read_text()
    return readme[readme.index("## Ten minutes") : readme.index("## Day to day")]


def script() -> str:
    """The commands of the README in order. The statuses that it shows become checks."""
    commands, answers = CURL_WITH_ANSWER.subn(
        r'test "$(\1)" = \2', "".join(re.findall(r"```sh\n(.*?)```", section(), re.DOTALL))
    )
    assert answers == 6
    for there, here in REPLACED.items():
        assert there in commands
        commands = commands.replace(there, here)
    stops = re.findall(r"`(kill [^`]+)`", section())
    return "\n".join(("set -emx", CLEAN_UP, commands, stops[0], "wait %2", *stops[1:]))


def settings() -> str:
    shown: str = re.findall(r"```toml\n(.*?)```", section(), re.DOTALL)[0]
    return shown + '\n[admin]\nlisten = "127.0.0.1:8081"\n'


@pytest.mark.timeout(300)
def test_first_deployment(checkout: Path) -> None:
    """Every command succeeds, every status is the one in the README, and Edgeward stops cleanly."""
    free = {port: str(free_port()) for port in PORTS}

    def on_free_ports(text: str) -> str:
        return re.sub(rf"\b({'|'.join(PORTS)})\b", lambda found: free[found[1]], text)

    vcl = checkout / "deploy" / "varnish" / "default.vcl"
    vcl.write_text(on_free_ports(vcl.read_text()))
    (checkout / "edgeward.toml").write_text(on_free_ports(settings()))
    path = f"{os.environ['PATH']}:{require('varnishd').parent}"
    environment = {"HOME": str(checkout), "PATH": path, "PYTHONPATH": str(ROOT / "addons")}
    with (checkout / "log").open("w") as log:
        shell = subprocess.Popen(
            ["bash", "-c", on_free_ports(script())], cwd=checkout, env=environment, stdout=log, stderr=log
        )
        try:
            status = shell.wait(240)
        except subprocess.TimeoutExpired:
            shell.terminate()  # its trap ends what it has started
            status = shell.wait(60)
    assert status == 0, (checkout / "log").read_text()[-4000:]
