"""Redis servers on ports of their own, which a test may kill and start again, and what sets of them have in common."""

import contextlib
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry
from tests.parts import free_port, require

START_SECONDS = 60.0
ANSWER_SECONDS = 10.0
HURRY_SECONDS = 10.0
PATIENT_MS = 10_000
"""How long a server of a set may be silent. One that merely stands still for a moment keeps its place."""


@dataclass(frozen=True, slots=True)
class Lock:
    """What keeps strangers out: TLS by a certificate that is its own authority, and a password."""

    certificate: Path
    key: Path
    password: str

    def settings(self, port: int) -> list[str]:
        own = (f"tls-cert-file {self.certificate}", f"tls-key-file {self.key}", f"requirepass {self.password}")
        ways = ("tls-auth-clients no", "tls-replication yes", "tls-cluster yes")
        return ["port 0", f"tls-port {port}", f"tls-ca-cert-file {self.certificate}", *own, *ways]

    @property
    def access(self) -> dict[str, Any]:
        return {"ssl": True, "ssl_cert_reqs": "none", "password": self.password}


class Node:
    """One redis-server in `directory`; its data outlive a kill. `master`: whom it follows from its next start on.

    `before_silence` is called before it is killed or paused.
    """

    def __init__(
        self,
        directory: Path,
        *options: str,
        master: "Node | None" = None,
        lock: Lock | None = None,
        before_silence: Callable[[], None] = lambda: None,
    ) -> None:
        self.directory = directory
        self.port = free_port()
        self.master = master
        self.lock = lock
        self.hangs = False
        self._options = options
        self._before_silence = before_silence
        self.process: subprocess.Popen[bytes] | None = None
        directory.mkdir(parents=True)

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def settings(self) -> list[str]:
        """How it listens, as lines of a configuration."""
        return self.lock.settings(self.port) if self.lock else [f"port {self.port}"]

    def command(self) -> list[str]:
        here = (*self.settings, f"dir {self.directory}", "logfile log")
        data = ("save ", "appendonly yes", "repl-diskless-sync-delay 0")
        follow = (f"replicaof 127.0.0.1 {self.master.port}",) if self.master else ()
        words = [word for line in (*here, *data, *follow, *self._options) for word in f"--{line}".split(" ")]
        return [str(require("redis-server")), *words]

    def start(self) -> None:
        self.process = subprocess.Popen(self.command(), stdout=subprocess.DEVNULL, cwd=self.directory)
        until(lambda: self.ask("PING"))

    def ask(self, *words: str) -> Any:
        """The answer to a command; None where there is none, at once from one that was paused."""
        if self.hangs:
            return None
        access = self.lock.access if self.lock else {}
        once = Retry(NoBackoff(), 0)
        client = redis.Redis(port=self.port, protocol=2, socket_timeout=ANSWER_SECONDS, retry=once, **access)
        with contextlib.suppress(redis.RedisError), client:
            return client.execute_command(*words)
        return None

    def replication(self) -> dict[str, Any]:
        """INFO replication; {} while it does not answer."""
        return self.ask("INFO", "replication") or {} if self.alive else {}

    @property
    def alive(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def kill(self) -> None:
        """SIGKILL: nothing is flushed, nobody is told."""
        if self.process:
            self._before_silence()
            self.process.kill()
            self.process.wait(60)
            self.hangs = False

    def pause(self) -> None:
        """It hangs: connections to it stay open, and nothing is answered."""
        assert self.process
        self._before_silence()
        self.process.send_signal(signal.SIGSTOP)
        self.hangs = True

    def resume(self) -> None:
        assert self.process
        self.process.send_signal(signal.SIGCONT)
        self.hangs = False


class Nodes:
    """Some servers that stand in for one another. From when a test silences one until all is healed, whoever is silent
    is replaced soon."""

    url: str
    hasty_ms: int

    def __init__(self) -> None:
        self.nodes: list[Node] = []

    def start(self) -> None:
        """Start all, and return when they are one."""
        raise NotImplementedError

    def whole(self) -> bool:
        """Whether every server is up, and every master has its replicas in step."""
        raise NotImplementedError

    def master_of(self, key: str) -> Node:
        """The server that has `key` now."""
        raise NotImplementedError

    def bear_silence(self, milliseconds: int) -> None:
        """A server that is silent for so long is replaced, from now on."""
        raise NotImplementedError

    def hurry(self) -> None:
        self.bear_silence(self.hasty_ms)

    def masters(self) -> list[Node]:
        return [node for node in self.nodes if node.replication().get("role") == "master"]

    def heal(self) -> None:
        """Start whatever was killed or left hanging, and return when all is as in the beginning."""
        for node in self.nodes:
            if node.hangs:
                node.kill()
            if not node.alive:
                node.start()
        with contextlib.suppress(TimeoutError):  # in a hurry they may go on replacing one another
            until(self.whole, HURRY_SECONDS)
        self.bear_silence(PATIENT_MS)
        until(self.whole)

    def stop(self) -> None:
        for node in self.nodes:
            node.kill()

    def replicas_of(self, master: Node) -> list[Node]:
        return [node for node in self.nodes if node.replication().get("master_port") == master.port]

    def replicas_in_step(self, master: Node) -> int:
        """Replicas that have all that this master has."""
        replication = master.replication()
        states = [value for name, value in replication.items() if name.startswith("slave") and isinstance(value, dict)]
        return sum(state["state"] == "online" for state in states)


def until(holds: Callable[[], object], seconds: float = START_SECONDS) -> float:
    """Ask again and again until it holds, and return how long that took, in seconds."""
    started = time.monotonic()
    while not holds():
        if time.monotonic() - started > seconds:
            raise TimeoutError(f"not within {seconds} s")
        time.sleep(0.02)
    return time.monotonic() - started


def run(program: str, *words: str) -> None:
    """Run a program to its end, which must be a good one."""
    subprocess.run([require(program), *words], stdout=subprocess.DEVNULL, check=True, timeout=60)


def addresses(nodes: Sequence[Node]) -> str:
    return ",".join(node.address for node in nodes)
