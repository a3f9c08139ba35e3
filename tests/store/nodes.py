"""Redis servers that a test may kill and start again, and what Sentinel sets and clusters of them have in common."""

import contextlib
import signal
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry
from tests.support.eventually import until
from tests.support.programs import free_port, require

ANSWER_SECONDS = 10.0
SETTLE_SECONDS = 10.0
SLOW_FAILOVER_MS = 10_000
"""How long a server may be silent before another takes over. On a busy machine one stands still for a moment."""


@dataclass(frozen=True, slots=True)
class Credentials:
    """TLS by a self-signed certificate, and a password."""

    certificate: Path
    key: Path
    password: str

    def settings(self, port: int) -> list[str]:
        own = (f"tls-cert-file {self.certificate}", f"tls-key-file {self.key}", f"requirepass {self.password}")
        tls = ("tls-auth-clients no", "tls-replication yes", "tls-cluster yes")
        return ["port 0", f"tls-port {port}", f"tls-ca-cert-file {self.certificate}", *own, *tls]

    @property
    def client_options(self) -> dict[str, Any]:
        return {"ssl": True, "ssl_cert_reqs": "none", "password": self.password}


class Node:
    """One redis-server in `directory`, whose data survive a kill. `master`: the node that it replicates once started.

    `before_silence` is called before it is killed or paused.
    """

    def __init__(
        self,
        directory: Path,
        *options: str,
        master: "Node | None" = None,
        credentials: Credentials | None = None,
        before_silence: Callable[[], None] = lambda: None,
    ) -> None:
        self.directory = directory
        self.port = free_port()
        self.master = master
        self.credentials = credentials
        self.paused = False
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
        return self.credentials.settings(self.port) if self.credentials else [f"port {self.port}"]

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
        """The answer to a command. None: an error, or no answer; at once if the node is paused."""
        if self.paused:
            return None
        options = self.credentials.client_options if self.credentials else {}
        once = Retry(NoBackoff(), 0)
        client = redis.Redis(port=self.port, protocol=2, socket_timeout=ANSWER_SECONDS, retry=once, **options)
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
        """SIGKILL: nothing is flushed, no other server is told."""
        if self.process:
            self._before_silence()
            self.process.kill()
            self.process.wait(60)
            self.paused = False

    def pause(self) -> None:
        """It hangs: its connections stay open, and nothing is answered."""
        assert self.process
        self._before_silence()
        self.process.send_signal(signal.SIGSTOP)
        self.paused = True

    def resume(self) -> None:
        assert self.process
        self.process.send_signal(signal.SIGCONT)
        self.paused = False


class Nodes:
    """Servers that take over from one another. From a test's first kill or pause until `heal`, failovers are fast."""

    url: str
    fast_failover_ms: int

    def __init__(self) -> None:
        self.nodes: list[Node] = []

    def start(self) -> None:
        """Start all, and wait until they work together."""
        raise NotImplementedError

    def is_complete(self) -> bool:
        """Whether every server is up, and every replica in sync."""
        raise NotImplementedError

    def master_of(self, key: str) -> Node:
        """The server that has `key` now."""
        raise NotImplementedError

    def set_failover_delay(self, milliseconds: int) -> None:
        """After how much silence of a server another takes over."""
        raise NotImplementedError

    def fail_over_fast(self) -> None:
        self.set_failover_delay(self.fast_failover_ms)

    def masters(self) -> list[Node]:
        return [node for node in self.nodes if node.replication().get("role") == "master"]

    def heal(self) -> None:
        """Start what was killed or left paused, and wait until all is as in the beginning."""
        for node in self.nodes:
            if node.paused:
                node.kill()
            if not node.alive:
                node.start()
        with contextlib.suppress(AssertionError):  # with fast failovers they may go on replacing one another
            until(self.is_complete, seconds=SETTLE_SECONDS)
        self.set_failover_delay(SLOW_FAILOVER_MS)
        until(self.is_complete)

    def stop(self) -> None:
        for node in self.nodes:
            node.kill()

    def replicas_of(self, master: Node) -> list[Node]:
        return [node for node in self.nodes if node.replication().get("master_port") == master.port]

    def replicas_in_sync(self, master: Node) -> int:
        """How many replicas have all that this master has."""
        replication = master.replication()
        states = [value for name, value in replication.items() if name.startswith("slave") and isinstance(value, dict)]
        return sum(state["state"] == "online" for state in states)


def run(program: str, *words: str) -> None:
    """Run a program to its end. Fails unless it succeeds."""
    subprocess.run([require(program), *words], stdout=subprocess.DEVNULL, check=True, timeout=60)


def addresses(nodes: Sequence[Node]) -> str:
    return ",".join(node.address for node in nodes)
