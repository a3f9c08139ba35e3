"""The store loses all its data, once, in the middle of a run; then it is refilled, as an operator would do it."""

import shutil
import threading
import time
from pathlib import Path
from typing import Any

from tests.chaos.admin_client import AdminClient
from tests.chaos.deployment import Deployment
from tests.chaos.expected_state import ExpectedState
from tests.chaos.fault_injection import FaultInjector
from tests.chaos.operators import Operators
from tests.support.eventually import until

from edgeward.api.routes import ROUTES
from edgeward.errors import EdgewardError

REFILL = "/store/refill"
REFILL_SECONDS = 60.0


def can_refill() -> bool:
    """Whether this Edgeward can restore the lists of a store that lost its data."""
    return any(route.path.endswith(REFILL) for route in ROUTES)


class DataLoss:
    """`with DataLoss(...)`: after `seconds` the store loses its data. The block ends when all is restored.

    Meanwhile no other component fails and no operator asks for anything: what is acknowledged while the store is empty
    would be lost by right. Clients go on.
    """

    def __init__(
        self,
        deployment: Deployment,
        injector: FaultInjector,
        operators: Operators,
        expected: ExpectedState,
        admin: AdminClient,
        seconds: float,
    ) -> None:
        self._deployment, self._injector, self._operators = deployment, injector, operators
        self._expected, self._admin = expected, admin
        self._timer = threading.Timer(seconds, self._run)

    def __enter__(self) -> "DataLoss":
        self._timer.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._timer.join()

    def _run(self) -> None:
        try:
            with self._operators.paused(), self._injector.all_up():
                self._lose()
                self._refill()
                # What caches hold is not known any more: `store refill` says so, and that they must be emptied.
                for cache in self._deployment.caches.values():
                    cache.kill()
                    empty(cache.directory)
                    cache.start()
                until(self._caches_are_known_to_be_empty, "the caches were emptied", REFILL_SECONDS, pause=0.5)
                self._expected.forget_store()
                self._injector.injected["loss", "store"] += 1
        except Exception as error:  # it would end with this thread
            self._expected.violation(f"the store lost its data: {type(error).__name__}: {error}")

    def _lose(self) -> None:
        self._deployment.store.kill()
        shutil.rmtree(self._deployment.socket.parent / "store")
        self._deployment.store.start()

    def _refill(self) -> None:
        since = time.time()
        until(lambda: self._is_refilled(since), "the refill of the store", REFILL_SECONDS, pause=0.5)

    def _caches_are_known_to_be_empty(self) -> bool:
        try:
            self._admin.call("POST", REFILL, {"why": "chaos", "caches_emptied": True})
        except EdgewardError:
            return False
        return True

    def _is_refilled(self, since: float) -> bool:
        """Ask for it until a controller has noticed the loss and restored the lists."""
        try:
            answer: Any = self._admin.call("POST", REFILL, {"why": "chaos"})
        except EdgewardError:
            return False
        return bool(answer["refill"]) and bool(answer["refill"]["at"] >= since)


def empty(directory: Path) -> None:
    """Remove what a cache has stored in its directory; one that stores in memory has lost it by its end."""
    for stored in [each for name in ("cache", "edgeward-cache") for each in directory.glob(name)]:
        shutil.rmtree(stored)
        stored.mkdir()
