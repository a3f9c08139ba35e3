"""A small file in state_dir that all processes of a machine share."""

import contextlib
import os
from pathlib import Path


def write_whole(path: Path, text: str) -> None:
    """Write the file: others see the old one or the new one. What can't be written leaves nothing behind.

    Raises:
        OSError: no space, no directory, or it is read-only.
    """
    temporary = path.with_name(f"{path.name}.{os.getpid()}")
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        temporary.write_text(text)
        temporary.replace(path)
    except OSError:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise
