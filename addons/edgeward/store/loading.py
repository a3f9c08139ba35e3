"""How far a server has loaded its data: until then it answers INFO, and LOADING to everything else."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from edgeward.errors import StoreUnavailable


class StoreLoading(StoreUnavailable):
    """The server runs, and is loading its data. It will answer when it has."""


@dataclass(frozen=True, slots=True)
class LoadingProgress:
    """`percent` of the data, `loaded_bytes`; `seconds_left` as the server estimates, None if it does not. `at`: when it
    was read, by time.monotonic."""

    percent: float
    loaded_bytes: int
    seconds_left: int | None
    at: float = field(default_factory=time.monotonic)

    @classmethod
    def read(cls, info: Mapping[str, Any]) -> Self | None:
        """`info`: the answer to INFO. None: the server has loaded its data."""
        if not int(info.get("loading", 0)):
            return None
        left = info.get("loading_eta_seconds")
        return cls(
            float(info.get("loading_loaded_perc", 0.0)),
            int(info.get("loading_loaded_bytes", 0)),
            int(left) if left is not None and int(left) >= 0 else None,
        )

    def __str__(self) -> str:
        """ "the store is loading its data: 43 %, about 12 s left"."""
        left = "" if self.seconds_left is None else f", about {self.seconds_left} s left"
        return f"the store is loading its data: {self.percent:.0f} %{left}"
