"""Running Traffic Server."""

from pathlib import Path

from tests.support.programs import require

from edgeward.demo.caches import TrafficServer


def test_everything_lies_in_its_directory(tmp_path: Path) -> None:
    """All files are in its directory, and an installation on the same machine is not touched."""
    require("traffic_server")
    with TrafficServer(tmp_path / "c", ("127.0.0.1", 9)):
        made = {path.relative_to(tmp_path / "c").parts[0] for path in (tmp_path / "c").rglob("*") if path.is_file()}
    assert made == {"etc", "run", "log", "cache", "runroot.yaml", "trafficserver.log"}
