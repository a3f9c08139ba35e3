"""Load by wrk, one core for it and the upstream and the other for what is measured, and the servers it is put on."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Self

from edgeward.demo.answer import HOST, ask
from edgeward.demo.caches import Varnish
from edgeward.demo.edge import free_address, until
from edgeward.errors import Unavailable, UserError

from .pictures import photograph

CONNECTIONS = 32
START_SECONDS = 20.0
PLAIN_VCL = 'vcl 4.1; backend default {{ .host = "{0}"; .port = "{1}"; }}'
BODIES = {"18 KB": photograph(256, 256), "100 KB": photograph(800, 800)}
"""What is asked for."""


def path_of(name: str) -> str:
    return f"/{name.replace(' ', '')}.jpg"


@contextmanager
def on_core(number: int) -> Iterator[None]:
    """Whatever is started meanwhile runs on this core alone: the number counts those that this process may use."""
    cores = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {sorted(cores)[number % len(cores)]})
    try:
        yield
    finally:
        os.sched_setaffinity(0, cores)


def wrk(address: str, path: str, seconds: int) -> float:
    """Requests per second, kept up for `seconds` by as many clients as CONNECTIONS.

    Raises:
        Unavailable: an answer was an error, or none came.
        UserError: wrk is not installed.
    """
    if not shutil.which("wrk"):
        raise UserError("wrk is not installed: apt-get install wrk")
    url = f"http://{address}{path}"
    command = ("wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", "-H", f"Host: {HOST}", url)
    with on_core(0):
        done = subprocess.run(command, capture_output=True, text=True, check=True)
    rate = re.search(r"Requests/sec:\s+([\d.]+)", done.stdout)
    failed = re.search(r"Non-2xx.*|Socket errors:.*", done.stdout)
    if rate is None or failed or float(rate[1]) == 0:
        raise Unavailable(f"{url}: {failed[0] if failed else done.stdout}")
    return float(rate[1])


def rate_of(address: str, path: str, seconds: int) -> Callable[[], float]:
    """The same as a measurement. The answer must be the photograph before it counts how many there are."""
    expected = next(body for name, body in BODIES.items() if path_of(name) == path)
    answer = ask(address, path)
    if answer.status != 200 or answer.body != expected:
        raise Unavailable(f"{address}{path}: status {answer.status}, {len(answer.body)} bytes")
    return lambda: wrk(address, path, seconds)


class PlainVarnish(Varnish):
    """A Varnish that knows nothing of Edgeward."""

    def _command(self) -> list[str]:
        command = super()._command()
        (self.directory / "default.vcl").write_text(PLAIN_VCL.format(*self.backend))
        return command


class Mitmdump:
    """`mitmdump` as a reverse proxy with its default addons and none besides."""

    def __init__(self, directory: Path, upstream: str) -> None:
        self.address = free_address()
        self._log = directory / "mitmdump.log"
        host, _, port = self.address.rpartition(":")
        mode = f"reverse:http://{upstream}@{host}:{port}"
        program = str(Path(sys.executable).parent / "mitmdump")
        options = ("flow_detail=0", f"confdir={directory / 'mitmdump'}")
        self._command = [program, "-q", "--mode", mode, *(word for each in options for word in ("--set", each))]
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(self._command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        try:
            until(self._answers, START_SECONDS, pause=0.05)
        except TimeoutError:
            self.__exit__()
            raise Unavailable(f"mitmdump did not start: {self._log.read_text()[-2000:]}") from None
        return self

    def __exit__(self, *_: object) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def _answers(self) -> bool:
        try:
            return ask(self.address, "/", timeout=2).status < 500
        except OSError:
            return False
