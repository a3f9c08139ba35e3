"""deploy/squid as an operator runs it."""

import subprocess
from pathlib import Path

import pytest
from tests.support.programs import require

DEPLOY = Path(__file__).parents[2] / "deploy" / "squid"


def parse(directory: Path) -> subprocess.CompletedProcess[str]:
    """Let Squid parse the files, copied to `directory`."""
    for path in DEPLOY.iterdir():
        copy = directory / path.name
        if not copy.exists():
            copy.write_text(path.read_text().replace("/etc/squid", str(directory)))
    command = [str(require("squid")), "-k", "parse", "-f", str(directory / "squid.conf")]
    return subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)


def test_squid_accepts_the_files(tmp_path: Path) -> None:
    """Squid accepts the files without a warning."""
    checked = parse(tmp_path)
    assert checked.returncode == 0
    assert not [line for line in checked.stderr.splitlines() if "ERROR" in line or "WARNING" in line or "FATAL" in line]


def test_the_secret_as_it_is_documented(tmp_path: Path) -> None:
    """The example line for a secret works in place of the shipped one."""
    (line,) = [
        line.strip("# ") for line in (DEPLOY / "edgeward-secret.conf").read_text().splitlines() if "req_header" in line
    ]
    (tmp_path / "edgeward-secret.conf").write_text(f"{line}\n")
    checked = parse(tmp_path)
    assert (checked.returncode, "ERROR" in checked.stderr) == (0, False)


@pytest.mark.parametrize("name", ["squid.conf", "edgeward.conf"])
def test_a_broken_file_is_noticed(tmp_path: Path, name: str) -> None:
    """`parse`, which these tests use, does fail on a broken file."""
    (tmp_path / name).write_text((DEPLOY / name).read_text().replace("cache_peer_access", "cache_peer_acess"))
    assert parse(tmp_path).returncode or "ERROR" in parse(tmp_path).stderr
