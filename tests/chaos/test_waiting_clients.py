"""Clients that wait at a frozen proxy."""

import random
import threading

from tests.chaos.waiting_clients import WAITING, WithWaitingClients
from tests.support.eventually import until


class Proxy:
    """Answers nobody while it is frozen."""

    def __init__(self) -> None:
        self.goes_on, self.asked, self.answered = threading.Event(), 0, 0
        self._lock = threading.Lock()

    def start(self) -> None: ...
    def stop(self) -> None: ...
    def kill(self) -> None: ...

    def pause(self) -> None:
        self.goes_on.clear()

    def resume(self) -> None:
        self.goes_on.set()

    def request(self, _: random.Random) -> None:
        with self._lock:
            self.asked += 1
        self.goes_on.wait()
        with self._lock:
            self.answered += 1


def test_all_that_waited_are_answered_once_it_goes_on() -> None:
    """They ask while the proxy is frozen, and the component is back only when each has its answer."""
    proxy = Proxy()
    component = WithWaitingClients(proxy, proxy.request, seed=1)
    component.pause()
    until(lambda: proxy.asked == WAITING, "all clients wait")
    assert proxy.answered == 0
    component.resume()
    assert proxy.answered == WAITING
