"""A real controller on its own event loop and a free port, and a plain HTTP client to ask it."""

import asyncio
import http.client
import io
import itertools
import json
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlencode, urlsplit

import skimage.data
from PIL import Image

from edgeward.config import Config
from edgeward.control.server import serve

START_SECONDS = 60.0

_namespaces = itertools.count()


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(frozen=True)
class Api:
    """The admin API as one caller sees it: `token` is sent where there is one."""

    url: str
    token: str = ""

    def ask(
        self,
        method: str,
        path: str,
        body: object = None,
        kind: str = "",
        headers: dict[str, str] | None = None,
        **query: object,
    ) -> Answer:
        """`body` bytes go as they are (an image, unless `kind` says otherwise), all else as JSON."""
        parts = urlsplit(self.url)
        connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=60)
        sent = dict(headers or {})
        if self.token:
            sent["Authorization"] = f"Bearer {self.token}"
        if isinstance(body, bytes):
            sent["Content-Type"] = kind or "application/octet-stream"
        elif isinstance(body, Iterator):  # goes chunked, its length unknown
            sent["Content-Type"] = kind
        elif body is not None:
            sent["Content-Type"] = "application/json"
            body = json.dumps(body).encode()
        prefix = "" if path.startswith(("/metrics", "/healthz", "/readyz")) else "/api/v1"
        try:
            connection.request(method, prefix + path + ("?" + urlencode(query) if query else ""), body, sent)
            response = connection.getresponse()
            return Answer(response.status, dict(response.getheaders()), response.read())
        finally:
            connection.close()

    def get(self, path: str, **query: object) -> Answer:
        return self.ask("GET", path, **query)

    def post(self, path: str, body: object, **query: object) -> Answer:
        return self.ask("POST", path, body, **query)

    def patch(self, path: str, body: object) -> Answer:
        return self.ask("PATCH", path, body)

    def delete(self, path: str, **query: object) -> Answer:
        return self.ask("DELETE", path, **query)

    def as_(self, token: str) -> "Api":
        return replace(self, token=token)


class RunningController:
    """`with RunningController(config) as controller`: serve(config) in a thread, asked through `controller.api`."""

    def __init__(self, config: Config) -> None:
        self.config = config
        self.error: BaseException | None = None
        self._loop = asyncio.new_event_loop()
        self._stop = asyncio.Event()
        self._thread = threading.Thread(target=self._run, name="controller")

    def _run(self) -> None:
        try:
            self._loop.run_until_complete(serve(self.config, self._stop))
        except BaseException as error:
            self.error = error
        finally:
            self._loop.close()

    @property
    def door(self) -> Path:
        return self.config.state_dir / "api.json"

    @property
    def api(self) -> Api:
        door = json.loads(self.door.read_text())
        return Api(door["url"], door["token"])

    def start(self) -> None:
        """Start it, and return as soon as it answers; its lists may still be loading."""
        self._thread.start()
        until(lambda: self.door.exists() or not self._thread.is_alive(), START_SECONDS)
        if self.error:
            raise self.error

    def is_ready(self) -> bool:
        return self.api.get("/readyz").status == 200

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(30)
        assert not self._thread.is_alive(), "the controller did not stop"
        if self.error:
            raise self.error

    def __enter__(self) -> Self:
        self.start()
        until(self.is_ready, START_SECONDS)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def settings(redis_url: str, state_dir: Path, **sections: object) -> Config:
    """Settings for a controller of its own on a free port, in a namespace of its own, and patient."""
    return Config.model_validate(
        {
            "state_dir": str(state_dir),
            "store": {
                "url": redis_url,
                "namespace": f"control{os.getpid()}-{next(_namespaces)}",
                "timeout_ms": 20_000,
            },
            "hashing": {"timeout_ms": 60_000},
            "admin": {"listen": "127.0.0.1:0"},
            **sections,
        }
    )


def until(holds: Callable[[], object], seconds: float = 60.0) -> None:
    """Wait until it holds; a test that waits longer than `seconds` fails."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, f"not within {seconds} s"
        time.sleep(0.01)


def listens(path: Path) -> bool:
    """Whether a server answers at a Unix socket: its file is there before that."""
    with socket.socket(socket.AF_UNIX) as probe:
        return probe.connect_ex(str(path)) == 0


def told(ask: Callable[[], Answer], holds: Callable[[Any], object]) -> Any:
    """The JSON of the first answer of which that holds: it is asked for again until then."""
    answers: list[Any] = []

    def asked() -> object:
        answers.append(ask().json)
        return holds(answers[-1])

    until(asked)
    return answers[-1]


def photo(name: str = "astronaut", size: tuple[int, int] = (320, 240), kind: str = "JPEG") -> bytes:
    """A photograph of scikit-image as the bytes of a file."""
    return encoded(Image.fromarray(getattr(skimage.data, name)()).resize(size), kind)


def encoded(image: Image.Image, kind: str = "PNG") -> bytes:
    file = io.BytesIO()
    image.save(file, kind)
    return file.getvalue()
