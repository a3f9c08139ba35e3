"""The runner of Squid."""

from pathlib import Path

from tests.parts import require

from edgeward.demo.caches import Squid


def test_two_squids_are_no_loop(tmp_path: Path) -> None:
    """Each has a name of its own, so that one may stand before the other."""
    require("squid")
    names = []
    for number in range(2):
        squid = Squid(tmp_path / str(number), ("127.0.0.1", 9))
        squid._command()
        lines = (tmp_path / str(number) / "squid.conf").read_text().splitlines()
        names.append(next(line for line in lines if line.startswith("visible_hostname")))
    assert names[0] != names[1]
