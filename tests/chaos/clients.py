"""Client threads that request pictures at random and report each one that they must not get."""

import http.client
import random
import socket
import struct
import threading
import time
from collections import Counter
from collections.abc import Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass

from tests.chaos.expected_state import ExpectedState
from tests.chaos.pictures import Picture, Variant

from edgeward.demo.http_client import ask

THREADS = 5
GAP_SECONDS = 0.03
TIMEOUT_SECONDS = 8.0
LISTED_SHARE = 0.2
"""Listed pictures are requested that much less often: a request for one would repair what a purge has missed."""
KINDS = {"aborts": 0.05, "heads": 0.05, "hosts": 0.03, "queries": 0.03}
"""Requests that are not plain: the share of each kind."""
ABORT_SECONDS = 0.02
"""A client that aborts does so within this time."""
ABORT_BYTES = 200
RESET = struct.pack("ii", 1, 0)
"""SO_LINGER: the connection ends with a reset."""


@dataclass(frozen=True, slots=True)
class ClientRequest:
    """One request: when it was sent and answered (time.time), where, for what, and the status; 0: no answer."""

    began: float
    ended: float
    proxy: str
    number: int
    variant: Variant
    status: int


class Clients:
    """`with Clients(...)`: they send requests until the end of the block.

    Attributes:
        requests: all of them, in order.
        answers: their number by status; 0: no answer.
    """

    def __init__(
        self,
        proxies: Sequence[str],
        pictures: Sequence[Picture],
        expected: ExpectedState,
        seed: int,
        kinds: Collection[str] = tuple(KINDS),
    ) -> None:
        self.requests: list[ClientRequest] = []
        self.answers: Counter[int] = Counter()
        self._proxies, self._pictures, self._expected = proxies, pictures, expected
        self._kinds = {kind: share for kind, share in KINDS.items() if kind in kinds}
        self._ended = threading.Event()
        self._lock = threading.Lock()
        self._threads = [
            threading.Thread(target=self._run, args=(random.Random(f"client {seed} {number}"),))
            for number in range(THREADS)
        ]

    def __enter__(self) -> "Clients":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        for thread in self._threads:
            thread.join()

    def _run(self, choices: random.Random) -> None:
        while not self._ended.wait(choices.uniform(0, 2 * GAP_SECONDS)):
            picture = choices.choice(self._pictures)
            proxy, variant, likely = choices.choice(self._proxies), choices.choice(picture.variants), choices.random()
            if not self._expected.of(picture.number).since or likely < LISTED_SHARE:
                self._request(choices, proxy, picture, variant)

    def request_listed(self, proxy: str, choices: random.Random) -> None:
        """Request a picture that is listed, if there is any: a proxy must not show it, whatever it does meanwhile."""
        listed = self._expected.acknowledged_listings()
        number = choices.choice(sorted(listed)) if listed else 0
        picture = self._pictures[number]
        self._ask(proxy, picture, choices.choice(picture.variants), "GET")

    def _request(self, choices: random.Random, proxy: str, picture: Picture, variant: Variant) -> None:
        (kind,) = choices.choices([*self._kinds, "plain"], [*self._kinds.values(), 1 - sum(self._kinds.values())])
        if kind == "aborts":
            self._abort(choices, proxy, picture, variant)
            return
        if kind == "hosts":
            variant = choices.choice(picture.odd_hosts)
        elif kind == "queries":
            variant = choices.choice(picture.long_queries)
        self._ask(proxy, picture, variant, "HEAD" if kind == "heads" else "GET")

    def _abort(self, choices: random.Random, proxy: str, picture: Picture, variant: Variant) -> None:
        """Leave before the response, or in the middle of it; politely, or with a reset."""
        began, (host, _, port) = time.time(), proxy.rpartition(":")
        lines = [f"GET {variant.target} HTTP/1.1", *(f"{name}: {value}" for name, value in variant.headers.items())]
        with suppress(OSError), socket.create_connection((host, int(port)), TIMEOUT_SECONDS) as client:
            client.sendall("\r\n".join([*lines, "", ""]).encode("latin-1"))
            if choices.random() < 0.5:
                client.recv(ABORT_BYTES)
            else:
                time.sleep(choices.uniform(0, ABORT_SECONDS))
            if choices.random() < 0.5:
                client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        self._record(ClientRequest(began, time.time(), proxy, picture.number, variant, 0))

    def _ask(self, proxy: str, picture: Picture, variant: Variant, method: str) -> None:
        active = self._expected.of(picture.number).active
        began, status = time.time(), 0
        try:
            answer = ask(proxy, variant.target, method, variant.headers, timeout=TIMEOUT_SECONDS)
        except (OSError, http.client.HTTPException):
            pass
        else:
            status = answer.status
            shown = status == 200 and answer.body == picture.body
            if shown and active and self._expected.of(picture.number).active == active:
                late = began - active
                self._expected.violation(
                    f"picture {picture.number} was served {late:.3f} s after its listing was active"
                )
        self._record(ClientRequest(began, time.time(), proxy, picture.number, variant, status))

    def _record(self, request: ClientRequest) -> None:
        with self._lock:
            self.answers[request.status] += 1
            self.requests.append(request)
