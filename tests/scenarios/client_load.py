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
    """One answer. `began`: when its request was sent (time.perf_counter)."""

    photo: Photo
    began: float
    answer: HttpResponse

    @property
    def shows(self) -> bool:
        """Whether the client got the picture."""
        return self.answer.status in (200, 206) and self.answer.body == self.photo.body


class Load:
    """`with Load(address, photos) as load`: threads request photos at random, each time on a new connection."""

    def __init__(self, address: str, photos: Sequence[Photo], threads: int = 4) -> None:
        self.served: list[Served] = []
        self.failed = 0
        """Requests without an answer: a connection that broke, as it does when a process is killed."""
        self._address, self._photos = address, photos
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
                self.served.append(Served(photo, began, answer))

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
