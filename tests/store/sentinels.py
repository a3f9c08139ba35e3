"""A real Sentinel set: a master with two replicas, and three sentinels that watch over them."""

from pathlib import Path
from typing import Any

from tests.store.nodes import SLOW_FAILOVER_MS, Credentials, Node, Nodes, addresses
from tests.support.eventually import until
from tests.support.programs import require

SERVICE = "edge"
QUORUM = 2


class SentinelNode(Node):
    """One sentinel. It rewrites its configuration file."""

    def __init__(self, directory: Path, master: Node, *options: str, credentials: Credentials | None = None) -> None:
        super().__init__(directory, credentials=credentials)
        lines = (
            *self.settings,
            f"dir {directory}",
            "logfile log",
            f"sentinel monitor {SERVICE} 127.0.0.1 {master.port} {QUORUM}",
            f"sentinel down-after-milliseconds {SERVICE} {SLOW_FAILOVER_MS}",
            f"sentinel failover-timeout {SERVICE} 3000",
            f"sentinel parallel-syncs {SERVICE} 2",
            *options,
        )
        self._config = directory / "sentinel.conf"
        self._config.write_text("\n".join((*lines, "")))

    def command(self) -> list[str]:
        return [str(require("redis-server")), str(self._config), "--sentinel"]


class SentinelSet(Nodes):
    """The set, started in `directory`."""

    fast_failover_ms = 2000
    """Not much less: sentinels connect to a new master once a second, and until then it counts as silent."""

    def __init__(self, directory: Path) -> None:
        super().__init__()
        first = Node(directory / "0", before_silence=self.fail_over_fast)
        others = (Node(directory / name, master=first, before_silence=self.fail_over_fast) for name in ("1", "2"))
        self.nodes = [first, *others]
        self.sentinels = [SentinelNode(directory / f"s{number}", first) for number in range(3)]
        self.url = f"redis+sentinel://{addresses(self.sentinels)}/{SERVICE}"

    def start(self) -> None:
        for node in (*self.nodes, *self.sentinels):
            node.start()
        until(self.is_complete)

    def is_complete(self) -> bool:
        masters = self.masters()
        if len(masters) != 1 or self.replicas_in_sync(masters[0]) != 2:
            return False
        return all(self._agrees(sentinel, masters[0]) for sentinel in self.sentinels)

    def _agrees(self, sentinel: Node, master: Node) -> bool:
        """Whether this sentinel knows all other servers, and takes this master for healthy."""
        answer: Any = sentinel.ask("SENTINEL", "MASTER", SERVICE)
        state = dict(zip(answer[::2], answer[1::2], strict=True)) if answer else {}
        known = (state.get(b"num-slaves"), state.get(b"num-other-sentinels"), state.get(b"port"))
        return state.get(b"flags") == b"master" and known == (b"2", b"2", str(master.port).encode())

    def set_failover_delay(self, milliseconds: int) -> None:
        for sentinel in self.sentinels:
            sentinel.ask("SENTINEL", "SET", SERVICE, "down-after-milliseconds", str(milliseconds))

    def master_of(self, key: str) -> Node:
        """The master that the sentinels name."""
        _, port = self.sentinels[0].ask("SENTINEL", "GET-MASTER-ADDR-BY-NAME", SERVICE)
        return next(node for node in self.nodes if node.port == int(port))

    def heal(self) -> None:
        """Start what was killed as replicas of the present master. Former masters are killed first: sentinels take ten
        seconds to demote them."""
        master = self.master_of("")
        for node in self.masters():
            if node is not master:
                node.kill()
        for node in self.nodes:
            node.master = None if node is master else master
        super().heal()

    def stop(self) -> None:
        super().stop()
        for sentinel in self.sentinels:
            sentinel.kill()
