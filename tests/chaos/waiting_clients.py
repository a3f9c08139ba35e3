"""Clients that wait at a frozen proxy: they are all answered in the moment in which it goes on."""

import random
import threading
from collections.abc import Callable

from tests.chaos.components import Component

WAITING = 25


class WithWaitingClients:
    """A component with the proxy that `request` asks: while it is frozen, WAITING clients send a request each."""

    def __init__(self, component: Component, request: Callable[[random.Random], None], seed: int) -> None:
        self._component, self._request = component, request
        self._choices = random.Random(f"waiting clients {seed}")
        self._threads: list[threading.Thread] = []

    def start(self) -> None:
        self._component.start()

    def stop(self) -> None:
        self._component.stop()

    def kill(self) -> None:
        self._component.kill()

    def pause(self) -> None:
        self._component.pause()
        self._threads = [
            threading.Thread(target=self._request, args=(random.Random(self._choices.random()),))
            for _ in range(WAITING)
        ]
        for thread in self._threads:
            thread.start()

    def resume(self) -> None:
        self._component.resume()
        for thread in self._threads:
            thread.join()
        self._threads = []
