"""Load by wrk, with one core for wrk and the upstream and another for the measured server; and servers to compare."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Self

from tests.bench.pictures import photograph
from tests.support.eventually import until

from edgeward.demo.caches import Varnish
from edgeward.demo.edge import free_address
from edgeward.demo.http_client import HOST, ask
from edgeward.errors import Unavailable, UserError

CONNECTIONS = 32
START_SECONDS = 20.0
PLAIN_VCL = """vcl 4.1;
backend default {{ .host = "{0}"; .port = "{1}"; }}
sub vcl_deliver {{
  if (obj.hits > 0) {{ set resp.http.X-Cache = "HIT"; }} else {{ set resp.http.X-Cache = "MISS"; }}
}}
"""
"""deploy/varnish/default.vcl without what Edgeward needs."""
BODIES = {"18 KB": photograph(256, 256), "100 KB": photograph(800, 800)}
"""Requested bodies, by name."""


def path_of(name: str) -> str:
    return f"/{name.replace(' ', '')}.jpg"


@contextmanager
def on_core(number: int) -> Iterator[None]:
    """Processes that are started within the block run on one core. `number` counts those that this process may use."""
    cores = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {sorted(cores)[number % len(cores)]})
    try:
        yield
    finally:
        os.sched_setaffinity(0, cores)


class Load:
    """wrk with CONNECTIONS clients for `seconds`. Each call runs it once and returns the requests per second.

    Args:
        processes: ids of the processes whose CPU time is measured.

    Raises:
        UserError: wrk is not installed.
        Unavailable: the answer is not the photograph of that path; or, when called, any answer was an error.
    """

    def __init__(self, address: str, path: str, seconds: int, processes: Callable[[], Sequence[int]] = tuple) -> None:
        if not shutil.which("wrk"):
            raise UserError("wrk is not installed: apt-get install wrk")
        expected = next(body for name, body in BODIES.items() if path_of(name) == path)
        answer = ask(address, path)
        if answer.status != 200 or answer.body != expected:
            raise Unavailable(f"{address}{path}: status {answer.status}, {len(answer.body)} bytes")
        url = f"http://{address}{path}"
        self._command = ("wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", "-H", f"Host: {HOST}", url)
        self._processes = processes
        self._taken: list[tuple[float, int]] = []

    @property
    def requests(self) -> int:
        """Number of answered requests so far."""
        return sum(requests for _, requests in self._taken)

    @property
    def seconds_a_request(self) -> float:
        """CPU time of the processes for each request, without the first call, a warm-up."""
        seconds, requests = zip(*self._taken[1:], strict=True)
        return float(sum(seconds) / sum(requests))

    def __call__(self) -> float:
        before = cpu_seconds_of(self._processes())
        with on_core(0):
            printed = subprocess.run(self._command, capture_output=True, text=True, check=True).stdout
        used = cpu_seconds_of(self._processes()) - before
        rate, requests = re.search(r"Requests/sec:\s+([\d.]+)", printed), re.search(r"(\d+) requests in", printed)
        failed = re.search(r"Non-2xx.*|Socket errors:.*", printed)
        if rate is None or requests is None or failed or requests[1] == "0":
            raise Unavailable(f"{self._command[-1]}: {failed[0] if failed else printed}")
        self._taken.append((used, int(requests[1])))
        return float(rate[1])


def cpu_seconds_of(pids: Sequence[int]) -> float:
    """CPU time of these processes so far (proc(5): utime and stime)."""
    stats = (Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split() for pid in pids)
    return sum(int(stat[11]) + int(stat[12]) for stat in stats) / os.sysconf("SC_CLK_TCK")


class PlainVarnish(Varnish):
    """A Varnish without Edgeward's VCL."""

    def _command(self) -> list[str]:
        command = super()._command()
        (self.directory / "default.vcl").write_text(PLAIN_VCL.format(*self.backend))
        return command


class Mitmdump:
    """`mitmdump` as a reverse proxy with its default addons only."""

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
            until(self._answers, "mitmdump", START_SECONDS, pause=0.05)
        except AssertionError:
            self.__exit__()
            raise Unavailable(f"mitmdump did not start: {self._log.read_text()[-2000:]}") from None
        return self

    def __exit__(self, *_: object) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def members(self) -> list[int]:
        """The ids of its processes."""
        return [self._process.pid] if self._process else []

    def _answers(self) -> bool:
        try:
            return ask(self.address, "/", timeout=2).status < 500
        except OSError:
            return False
