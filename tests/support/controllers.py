"""A real controller on its own event loop and a free port, and a plain HTTP client for its API."""

import asyncio
import functools
import http.client
import io
import itertools
import json
import os
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlencode, urlsplit

import skimage.data
from PIL import Image
from tests.support.eventually import until

from edgeward.controller.server import serve
from edgeward.settings.config import Config

START_SECONDS = 100.0

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
    """The admin API as one caller sees it. `token` is sent unless it is empty."""

    url: str
    token: str = ""

    def ask(
        self,
        method: str,
        path: str,
        body: object = None,
        content_type: str = "",
        headers: dict[str, str] | None = None,
        **query: object,
    ) -> Answer:
        """Send a request. A `body` of bytes is sent as it is (without `content_type`: an image), others as JSON."""
        parts = urlsplit(self.url)
        connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=60)
        sent = dict(headers or {})
        if self.token:
            sent["Authorization"] = f"Bearer {self.token}"
        if isinstance(body, bytes):
            sent["Content-Type"] = content_type or "application/octet-stream"
        elif isinstance(body, Iterator):  # sent chunked, of unknown length
            sent["Content-Type"] = content_type
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
    def access_file(self) -> Path:
        return self.config.state_dir / "api.json"

    @property
    def api(self) -> Api:
        access = json.loads(self.access_file.read_text())
        return Api(access["url"], access["token"])

    def start(self) -> None:
        """Start it, and return as soon as it answers. Its lists may still be loading."""
        self._thread.start()
        until(lambda: self.access_file.exists() or not self._thread.is_alive(), "the API", START_SECONDS)
        if self.error:
            raise self.error

    def is_ready(self) -> bool:
        if self.error:  # it began to serve, and has ended since
            raise self.error
        return self.api.get("/readyz").status == 200

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(30)
        assert not self._thread.is_alive(), "the controller did not stop"
        if self.error:
            raise self.error

    def __enter__(self) -> Self:
        self.start()
        until(self.is_ready, "readiness", START_SECONDS)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def settings(redis_url: str, state_dir: Path, **sections: object) -> Config:
    """Settings of one controller: a free port, its own namespace, and long timeouts."""
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


def listens(path: Path) -> bool:
    """Whether a server answers at a Unix socket. (The socket's file exists earlier.)"""
    with socket.socket(socket.AF_UNIX) as probe:
        return probe.connect_ex(str(path)) == 0


def ask_until(ask: Callable[[], Answer], holds: Callable[[Any], object]) -> Any:
    """Ask again until `holds` is true of the answer's JSON. Returns that JSON."""
    answers: list[Any] = []

    def holds_now() -> object:
        answers.append(ask().json)
        return holds(answers[-1])

    until(holds_now, "the answer")
    return answers[-1]


@functools.cache
def photo(name: str = "astronaut", size: tuple[int, int] = (320, 240), image_format: str = "JPEG") -> bytes:
    """A photograph of scikit-image, as the bytes of a file."""
    return encoded(Image.fromarray(getattr(skimage.data, name)()).resize(size), image_format)


def encoded(image: Image.Image, image_format: str = "PNG") -> bytes:
    file = io.BytesIO()
    image.save(file, image_format)
    return file.getvalue()
