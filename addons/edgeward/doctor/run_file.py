"""What `edgeward run` on this machine says of itself: state_dir/run.json."""

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self


@dataclass(frozen=True, slots=True)
class RunFile:
    """The addresses as HOST:PORT, and the process ids. `store` is None unless the store is embedded."""

    pid: int
    proxy: str
    admin: str
    proxies: Sequence[int]
    controllers: Sequence[int]
    store: int | None

    @classmethod
    def read(cls, state_dir: Path) -> Self | None:
        """None: there is no such file, it can't be read, or the process that wrote it has ended."""
        try:
            data = json.loads((state_dir / "run.json").read_bytes())
            processes = data["processes"]
            found = cls(
                pid=int(data["pid"]),
                proxy=str(data["proxy"]),
                admin=str(data["admin"]),
                proxies=tuple(processes["proxy"]),
                controllers=tuple(processes["controller"]),
                store=processes["store"],
            )
        except (OSError, ValueError, KeyError, TypeError):
            return None
        return found if is_running(found.pid) else None


def is_running(pid: int) -> bool:
    """Whether there is a process with this id."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
