"""Keeps the log of the embedded store short while it runs: a full disk, for one, has it write a line at each change."""

import asyncio
from pathlib import Path

from edgeward.store import embedded

LOOK_SECONDS = 5.0
"""Between two looks at its size: one stat(2)."""


async def keep_store_log_bounded(state_dir: Path) -> None:
    """Until it is cancelled. What can't be read or moved now may be later."""
    while True:
        await asyncio.sleep(LOOK_SECONDS)
        embedded.bound_log(state_dir)
