"""deploy/trafficserver as an operator runs it."""

import os
import re
import shutil
import subprocess
from pathlib import Path

from tests.support.programs import require

DEPLOY = Path(__file__).parents[2] / "deploy" / "trafficserver"


def test_trafficserver_accepts_the_files(tmp_path: Path) -> None:
    """Traffic Server accepts each of the files that it checks."""
    program = require("traffic_server")
    shutil.copytree(DEPLOY, tmp_path / "etc")
    places = dict.fromkeys(("sysconfdir", "runtimedir", "localstatedir", "logdir", "cachedir"), tmp_path / "etc")
    layout = {"prefix": tmp_path, **places, "libexecdir": "/usr/lib/trafficserver/modules"}
    (tmp_path / "runroot.yaml").write_text("".join(f"{name}: {place}\n" for name, place in layout.items()))
    command = [str(program), f"--run-root={tmp_path}/runroot.yaml", "-C", "verify_config"]
    environment = {**os.environ, "PROXY_CONFIG_ADMIN_USER_ID": "#-1"}
    checked = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=30, check=False)
    output = checked.stdout + checked.stderr
    assert checked.returncode == 0, output
    assert "ERROR" not in output
    for name in ("plugin.config", "remap.config", "records.config"):
        assert f"Successfully loaded {name}" in output


def test_the_secret_as_it_is_documented() -> None:
    """The example with a secret has the form of the shipped line."""
    text = (DEPLOY / "edgeward-secret.config").read_text()
    comment, rule = re.findall(r'="[^"]*"', text)
    assert (comment, rule) == ('="0123456789abcdef"', '=""')
