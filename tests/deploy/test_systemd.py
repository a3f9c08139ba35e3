"""deploy/systemd: systemd accepts the unit and rates it as hardened."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from edgeward.settings.config import Config

UNIT = Path(__file__).parents[2] / "deploy" / "systemd" / "edgeward.service"


@pytest.fixture
def analyze(tmp_path: Path) -> list[str]:
    """systemd-analyze and, as the last argument, a copy of the unit whose program exists."""
    # Not `require`: development in a container without systemd is supported.
    program = shutil.which("systemd-analyze")
    if not program:
        pytest.skip("systemd-analyze is not installed")
    copy = tmp_path / UNIT.name
    copy.write_text(UNIT.read_text().replace("/opt/edgeward/bin/edgeward", "/bin/true"))
    return [program, str(copy)]


def test_systemd_accepts_the_unit(analyze: list[str]) -> None:
    """`systemd-analyze verify` has no complaint about the unit."""
    program, unit = analyze
    done = subprocess.run([program, "verify", "--man=no", unit], capture_output=True, text=True)
    about_ours = [line for line in done.stderr.splitlines() if UNIT.name in line]
    assert (done.returncode, about_ours) == (0, []), done.stderr


def test_unit_is_hardened(analyze: list[str]) -> None:
    """`systemd-analyze security` rates its exposure 1.5 of 10 or less."""
    program, unit = analyze
    done = subprocess.run(
        [program, "security", "--offline=true", "--threshold=15", unit], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout


def test_the_service_has_time_to_stop() -> None:
    """Only the supervisor gets SIGTERM, and it has more time than the workers need to drain."""
    text = UNIT.read_text()
    assert "KillMode=mixed" in text
    (seconds,) = re.findall(r"TimeoutStopSec=(\d+)", text)
    assert int(seconds) > Config().proxy.drain_seconds
