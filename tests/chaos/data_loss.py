"""The store loses all its data, or gets an older copy of them; then it is refilled, as an operator would do it."""

import shutil
import threading
from contextlib import suppress
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

    With `older_by` it is an older copy that takes their place, made so many seconds before.

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
        older_by: float = 0.0,
    ) -> None:
        self._deployment, self._injector, self._operators = deployment, injector, operators
        self._expected, self._admin = expected, admin
        self._data = deployment.socket.parent / "store"
        self._copy = deployment.directory / "older-copy"
        self._timers = [threading.Timer(seconds, self._run)]
        if older_by:
            self._timers.append(threading.Timer(seconds - older_by, self._make_copy))

    def __enter__(self) -> "DataLoss":
        for timer in self._timers:
            timer.start()
        return self

    def __exit__(self, *_: object) -> None:
        for timer in self._timers:
            timer.join()

    def _make_copy(self) -> None:
        """As a snapshot of the disk does: all files at one moment."""
        with self._injector.all_up():
            self._deployment.store.pause()
            try:
                shutil.copytree(self._data, self._copy)
            finally:
                self._deployment.store.resume()

    def _run(self) -> None:
        try:
            with self._operators.paused(), self._injector.all_up():
                before = self._last_refill()
                self._lose()
                self._refill(before)
                # What caches hold is not known any more: `store refill` says so, and that they must be emptied.
                for cache in self._deployment.caches.values():
                    cache.kill()
                    empty(cache.directory)
                    cache.start()
                until(self._caches_are_known_to_be_empty, "the caches were emptied", REFILL_SECONDS, pause=0.5)
                self._expected.forget_store()
                self._injector.injected["restore" if self._copy.exists() else "loss", "store"] += 1
        except Exception as error:  # it would end with this thread
            self._expected.violation(f"the store lost its data: {type(error).__name__}: {error}")

    def _lose(self) -> None:
        self._deployment.store.kill()
        shutil.rmtree(self._data)
        if self._copy.exists():
            shutil.copytree(self._copy, self._data)
        self._deployment.store.start()

    def _last_refill(self) -> float:
        """When the store was refilled last, by the clock of whoever did; 0: never."""
        found: list[float] = []

        def look() -> bool:
            with suppress(EdgewardError):
                found.append(_refilled_at(self._ask()))
            return bool(found)

        until(look, "a controller that answers", REFILL_SECONDS, pause=0.5)
        return found[-1]

    def _refill(self, before: float) -> None:
        """Ask for it until a controller has noticed the loss and restored the lists. An older copy may lack none."""

        def is_repaired() -> bool:
            with suppress(EdgewardError):
                answer = self._ask()
                return _refilled_at(answer) not in (0.0, before) or (answer["sightings_lost"] and not answer["needed"])
            return False

        until(is_repaired, "the refill of the store", REFILL_SECONDS, pause=0.5)

    def _ask(self) -> Any:
        return self._admin.call("POST", REFILL, {"why": "chaos"})

    def _caches_are_known_to_be_empty(self) -> bool:
        try:
            self._admin.call("POST", REFILL, {"why": "chaos", "caches_emptied": True})
        except EdgewardError:
            return False
        return True


def _refilled_at(answer: Any) -> float:
    return float(answer["refill"]["at"]) if answer["refill"] else 0.0


def empty(directory: Path) -> None:
    """Remove what a cache has stored in its directory; one that stores in memory has lost it by its end."""
    for stored in [each for name in ("cache", "edgeward-cache") for each in directory.glob(name)]:
        shutil.rmtree(stored)
        stored.mkdir()
