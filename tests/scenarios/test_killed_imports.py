"""Processes are killed in the middle of imports and undos of long lists: each is whole or not at all (`make kills`)."""

import asyncio
from pathlib import Path

from tests.kills.rounds import Rounds


def test_an_import_is_whole_whatever_is_killed(tmp_path: Path) -> None:
    """The store, the controller and the worker agree entry by entry, and no data of a batch are left over."""
    with Rounds(tmp_path, 12) as rounds:
        for _ in range(3):
            rounds.play()
        assert asyncio.run(rounds.left_over(f"unix://{rounds.edge.state}/store.sock")) == set()
    assert "Traceback" not in rounds.edge.log.read_text(errors="replace")
