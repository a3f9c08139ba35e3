"""A controller, the real caches that it is told of, and the command line."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from tests.support.controllers import Api, RunningController
from tests.support.controllers import settings as controller_settings
from tests.support.edges import with_store
from tests.support.eventually import until
from tests.support.real_caches import fetch

from edgeward.cli.main import main
from edgeward.demo.caches import CacheServer, Varnish
from edgeward.hashing.fingerprint import fingerprint
from edgeward.settings.config import Config
from edgeward.sightings.sightings import Sightings
from edgeward.types import Sighting, Target

HOST = "img.test"

type Cold = Callable[..., CacheServer]


class Running:
    """A controller, the caches that it is told of, and the command line."""

    def __init__(self, config: Config, api: Api, capsys: pytest.CaptureFixture[str]) -> None:
        self.config, self.api, self._capsys = config, api, capsys

    def command(self, *argv: str) -> tuple[int, str]:
        """The exit status of a command, and all that it printed."""
        status = main(list(argv))
        printed = self._capsys.readouterr()
        return status, printed.out + printed.err

    def see(self, path: str, body: bytes) -> None:
        target = Target("http", HOST, path, (), len(body))
        seen = Sighting(target, fingerprint(body, self.config.hashing), time.time(), 0)
        with_store(self.config, lambda store: Sightings(store, self.config.sightings).write([seen]))


@contextmanager
def running_with(
    redis_url: str, directory: Path, capsys: pytest.CaptureFixture[str], *caches: dict[str, Any], **settings: object
) -> Iterator[Running]:
    """Run a controller with these caches and further sections of settings."""
    config = controller_settings(redis_url, directory / "state", caches=caches, **settings)
    with RunningController(config) as running, pytest.MonkeyPatch.context() as patch:
        patch.setenv("EDGEWARD_API", running.api.url)
        patch.setenv("EDGEWARD_TOKEN", running.api.token)
        yield Running(config, running.api, capsys)


def section(cache: CacheServer, **more: object) -> dict[str, Any]:
    return {"name": cache.driver, "driver": cache.driver, "url": cache.purge_url, "timeout_ms": 20_000, **more}


def store(cache: CacheServer, path: str) -> None:
    until(lambda: fetch(cache, path)[0] == fetch(cache, path)[0], f"{path} is stored")


class PlainVarnish(Varnish):
    """A Varnish with the `return (purge)` of its documentation: it answers 200 whether or not there was a copy."""

    def _command(self) -> list[str]:
        arguments = super()._command()
        host, port = self.backend
        (self.directory / "default.vcl").write_text(
            f'vcl 4.1; backend default {{ .host = "{host}"; .port = "{port}"; }} '
            'sub vcl_recv { if (req.method == "PURGE") { return (purge); } }'
        )
        return arguments
