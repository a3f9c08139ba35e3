"""Running Squid."""

from pathlib import Path

from tests.support.programs import require

from edgeward.demo.caches import Squid


def test_squids_have_different_names(tmp_path: Path) -> None:
    """Each Squid has its own name: with the same name, one in front of the other would see a loop."""
    require("squid")
    names = []
    for number in range(2):
        squid = Squid(tmp_path / str(number), ("127.0.0.1", 9))
        squid._command()
        lines = (tmp_path / str(number) / "squid.conf").read_text().splitlines()
        names.append(next(line for line in lines if line.startswith("visible_hostname")))
    assert names[0] != names[1]
