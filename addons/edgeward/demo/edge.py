"""A running Edgeward: `edgeward run` in its own directory, controlled through its admin API."""

import contextlib
import http.client
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import edgeward
from edgeward.demo.caches.base import free_port
from edgeward.demo.http_client import HOST, HttpResponse, ask
from edgeward.errors import ApiUnavailable, EdgewardError, Unavailable
from edgeward.isolation.exit_status import describe_exit

START_SECONDS = 60.0
STOP_SECONDS = 30.0
CHILDREN_STOP_SECONDS = 5.0
API_TIMEOUT_SECONDS = 60.0
PROCESS_PAUSE_SECONDS = 0.1
"""Between two looks at processes that start or end: a look takes time of the processor, which they need."""
WAIT_SECONDS = 60.0
"""How long `until` waits before it fails."""

type Settings = Mapping[str, Any]
"""Settings by section, as in the TOML file. A list of mappings is an array of tables."""


class ApiError(EdgewardError):
    """The admin API answered with an error (a problem document)."""


class Edge:
    """One `edgeward run`. Its files are in `directory`: edgeward.toml, edgeward.log and state/.

    Args:
        source_root: of the release that is run; None: this one.
    """

    def __init__(self, directory: Path, settings: Settings, source_root: Path | None = None) -> None:
        self._source_root = source_root or Path(edgeward.__file__).parent.parent
        self.directory = directory
        self.config = directory / "edgeward.toml"
        self.state = directory / "state"
        self.log = directory / "edgeward.log"
        self._process: subprocess.Popen[bytes] | None = None
        directory.mkdir(parents=True, exist_ok=True)
        self.configure(settings)

    def configure(self, settings: Settings) -> None:
        """Write these settings. They take effect at the next start."""
        # `ask` sends the same Host to every server.
        defaults = {"proxy": {"listen": "127.0.0.1:0"}, "admin": {"listen": "127.0.0.1:0", "hosts": [HOST]}}
        self.config.write_text(toml({"state_dir": "state", **merged_settings(defaults, settings)}))

    def start(self) -> None:
        """Start it, and return when it is ready and every worker has loaded the lists.

        Raises:
            Unavailable: it ended, or was not ready in time. The message has the end of its log.
        """
        self.begin()
        with contextlib.ExitStack() as undo:
            undo.callback(self.stop)
            try:
                until(self._is_ready, START_SECONDS, PROCESS_PAUSE_SECONDS)
            except TimeoutError:
                late = f"edgeward was not ready after {START_SECONDS:.0f} s"
                raise Unavailable(f"{late}\n{self._end_of_log()}") from None
            undo.pop_all()

    def begin(self) -> None:
        """Start it, and do not wait."""
        environment = {key: value for key, value in os.environ.items() if not key.startswith("EDGEWARD_")}
        environment["PYTHONPATH"] = os.pathsep.join(
            filter(None, (str(self._source_root), environment.get("PYTHONPATH")))
        )
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "edgeward", "run", "-c", str(self.config)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=environment,
                start_new_session=True,
            )

    def _is_ready(self) -> bool:
        if self.process.poll() is not None:
            raise Unavailable(f"edgeward {describe_exit(self.process.returncode)}\n{self._end_of_log()}")
        with contextlib.suppress(OSError, ValueError, KeyError, http.client.HTTPException, ApiUnavailable, ApiError):
            if self.run_file["pid"] != self.process.pid or ask(self.admin, "/readyz").status != 200:
                return False
            workers = len(self.run_file["processes"]["proxy"])
            return len(self.api("GET", "/status")["replicas"]) > workers
        return False

    def _end_of_log(self) -> str:
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-20:])

    def stop(self) -> None:
        """End it with SIGTERM, and check that none of its processes is left.

        Raises:
            EdgewardError: a process was left after the time limit. It is killed.
        """
        if self._process is None:
            return
        members = set(self.members())
        self.process.send_signal(signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(STOP_SECONDS)
        with contextlib.suppress(TimeoutError):
            until(lambda: not _alive(members | set(self.members())), CHILDREN_STOP_SECONDS, PROCESS_PAUSE_SECONDS)
        left = _alive(members | set(self.members()))
        for pid in left:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.process.wait(STOP_SECONDS)
        self._process = None
        if left:
            raise EdgewardError(f"edgeward was stopped and left these processes running: {sorted(left)}")

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def process(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            raise Unavailable("edgeward is not running")
        return self._process

    @property
    def run_file(self) -> dict[str, Any]:
        """state_dir/run.json of the supervisor: addresses and current process ids."""
        data: dict[str, Any] = json.loads((self.state / "run.json").read_text())
        return data

    @property
    def proxy(self) -> str:
        return str(self.run_file["proxy"])

    @property
    def admin(self) -> str:
        return str(self.run_file["admin"])

    def members(self) -> list[int]:
        """The ids of all its live processes, which are those of its session."""
        return [pid for pid, session in _sessions() if session == self.process.pid]

    def call(
        self,
        method: str,
        path: str,
        data: object = None,
        body: bytes | None = None,
        timeout: float = API_TIMEOUT_SECONDS,
    ) -> HttpResponse:
        """Send a request to the admin API with the local token: `data` as JSON, or `body` as the bytes of an image.

        Raises:
            ApiUnavailable: the API does not answer.
        """
        kind = "application/octet-stream" if body is not None else "application/json"
        if data is not None:
            body = json.dumps(data).encode()
        try:
            token = json.loads((self.state / "api.json").read_text())["token"]
            headers = {"Authorization": f"Bearer {token}", "Content-Type": kind}
            return ask(self.admin, f"/api/v1{path}", method, headers, body, timeout)
        except (OSError, ValueError, http.client.HTTPException) as error:
            raise ApiUnavailable(f"the admin API does not answer: {error}") from None

    def api(self, method: str, path: str, data: object = None, body: bytes | None = None) -> Any:
        """As `call`, but returns the JSON of the response.

        Raises:
            ApiError: the status is 400 or above.
        """
        answer = self.call(method, path, data, body)
        if answer.status >= 400:
            raise ApiError(f"{method} {path}: {answer.status} {answer.body.decode(errors='replace')}")
        return answer.json()

    def create_list(self, name: str, **policy: object) -> None:
        self.api("POST", "/lists", {"name": name, **policy})

    def add_image(self, name: str, image: bytes, wait: bool = False) -> dict[str, Any]:
        """List an image. `wait`: return only when every cached copy is verified gone."""
        query = "?wait=verified&timeout=30" if wait else ""
        answer: dict[str, Any] = self.api("POST", f"/lists/{name}/entries{query}", body=image)
        return answer

    def metric(self, series: str) -> float:
        """The current value of a series, named as in /metrics; 0 if it does not exist."""
        for line in ask(self.admin, "/metrics").body.decode().splitlines():
            name, _, value = line.rpartition(" ")
            if name == series:
                return float(value)
        return 0.0

    def purges_of(self, entries: Sequence[str]) -> list[dict[str, Any]]:
        """The purge orders that these entries caused."""
        purges = self.api("GET", "/purges?limit=1000")["purges"]
        return [purge for purge in purges if purge["entry"] in entries]


def until(holds: Callable[[], bool], seconds: float = WAIT_SECONDS, pause: float = 0.002) -> float:
    """Call `holds` until it returns true, and return how long that took, in seconds.

    Raises:
        TimeoutError: it did not within `seconds`.
    """
    started = time.perf_counter()
    while not holds():
        if time.perf_counter() - started > seconds:
            raise TimeoutError(f"not within {seconds} s")
        time.sleep(pause)
    return time.perf_counter() - started


def free_address() -> str:
    """HOST:PORT of 127.0.0.1 with a free port (see `free_port`)."""
    return f"127.0.0.1:{free_port()}"


def toml(settings: Settings) -> str:
    """Settings as TOML: plain keys first, then sections, then arrays of tables."""
    plain, sections, tables = [], [], []
    for key, value in settings.items():
        if isinstance(value, Mapping):
            sections.append(_section(f"[{key}]", value))
        elif isinstance(value, Sequence) and value and isinstance(value[0], Mapping):
            tables += [_section(f"[[{key}]]", table) for table in value]
        else:
            plain.append(f"{key} = {json.dumps(value)}\n")
    return "".join(plain + sections + tables)


def _section(head: str, values: Mapping[str, Any]) -> str:
    return f"\n{head}\n" + "".join(f"{key} = {json.dumps(value)}\n" for key, value in values.items())


def merged_settings(one: Settings, other: Settings) -> dict[str, Any]:
    """Both settings together. Where both have a key of a section, that of `other` is used."""
    merged = dict(one)
    for key, value in other.items():
        merged[key] = {**merged[key], **value} if isinstance(merged.get(key), Mapping) else value
    return merged


def _sessions() -> Iterator[tuple[int, int]]:
    """(process id, session id) of every live process of this machine, without zombies."""
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            state, _, _, session = stat.read_text().rpartition(")")[2].split()[:4]
            if state != "Z":
                yield int(stat.parent.name), int(session)


def _alive(pids: set[int]) -> set[int]:
    return pids & {pid for pid, _ in _sessions()}
