"""Client threads that send requests all the time and record each answer."""

import http.client
import random
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass

from tests.support.eventually import until

from edgeward.demo.http_client import HttpResponse, ask
from edgeward.demo.photos import Photo


@dataclass(frozen=True, slots=True)
class Served:
    """One answer. `began`, `ended`: when its request was sent, and when it was there (time.perf_counter)."""

    photo: Photo
    began: float
    answer: HttpResponse
    ended: float = 0.0

    @property
    def seconds(self) -> float:
        """How long it took."""
        return self.ended - self.began

    @property
    def shows(self) -> bool:
        """Whether the client got the picture."""
        return self.answer.status in (200, 206) and self.answer.body == self.photo.body


class Load:
    """`with Load(address, photos) as load`: threads request photos at random, each time on a new connection.

    Args:
        pause: seconds between two requests of a thread; without one they take all that the machine has.
    """

    def __init__(self, address: str, photos: Sequence[Photo], threads: int = 4, pause: float = 0.0) -> None:
        self.served: list[Served] = []
        self.failed = 0
        """Requests without an answer: a connection that broke, as it does when a process is killed."""
        self._address, self._photos, self._pause = address, photos, pause
        self._ended = threading.Event()
        self._threads = [threading.Thread(target=self._ask, args=(number,)) for number in range(threads)]

    def _ask(self, number: int) -> None:
        choices = random.Random(number)
        while not self._ended.is_set():
            photo = choices.choice(self._photos)
            began = time.perf_counter()
            try:
                answer = ask(self._address, photo.path, timeout=30)
            except (OSError, http.client.HTTPException):
                self.failed += 1
            else:
                self.served.append(Served(photo, began, answer, time.perf_counter()))
            self._ended.wait(self._pause)

    def __enter__(self) -> "Load":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        for thread in self._threads:
            thread.join()

    def of(self, photo: Photo) -> list[Served]:
        return [served for served in list(self.served) if served.photo == photo]

    def wait_for(self, more: int, seconds: float = 60) -> None:
        """Wait for that many more answers."""
        wanted = len(self.served) + more
        until(lambda: len(self.served) >= wanted, f"answer {wanted} to clients", seconds)
