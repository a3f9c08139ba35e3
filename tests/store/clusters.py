"""A real Redis Cluster of six: three masters with a replica each."""

from pathlib import Path

from tests.store.nodes import SLOW_FAILOVER_MS, Node, Nodes, addresses, run
from tests.support.eventually import until
from tests.support.programs import free_port

MASTERS = 3


class ClusterNodes(Nodes):
    """The cluster, started in `directory`."""

    fast_failover_ms = 1000

    def __init__(self, directory: Path) -> None:
        super().__init__()
        cluster = ("cluster-enabled yes", f"cluster-node-timeout {self.fast_failover_ms}")
        self._buses = [str(free_port()) for _ in range(2 * MASTERS)]
        for number, bus in enumerate(self._buses):
            node = Node(directory / str(number), *cluster, f"cluster-port {bus}", before_silence=self.fail_over_fast)
            self.nodes.append(node)
        self.url = f"redis+cluster://{addresses(self.nodes[:MASTERS])}"

    def start(self) -> None:
        for node in self.nodes:
            node.start()
        places = [f"{node.address}@{bus}" for node, bus in zip(self.nodes, self._buses, strict=True)]
        run("redis-cli", "--cluster", "create", *places, "--cluster-replicas", "1", "--cluster-yes")
        until(self.is_complete)
        self.set_failover_delay(SLOW_FAILOVER_MS)

    def is_complete(self) -> bool:
        masters = self.masters()
        steady = all(b"cluster_state:ok" in (node.ask("CLUSTER", "INFO") or b"") for node in self.nodes)
        in_sync = len(masters) == MASTERS and all(self.replicas_in_sync(node) == 1 for node in masters)
        return steady and in_sync and self._agree()

    def _agree(self) -> bool:
        """Whether all nodes know who is whose replica: a master that does not ignores its replica's requests."""
        views = [(node.ask("CLUSTER", "NODES") or b"").splitlines() for node in self.nodes]
        fields = [[line.split() for line in view] for view in views]  # id, address, flags, id of its master, ...
        masters = [{each[0]: each[3] for each in view} for view in fields]
        healthy = not any(b"fail" in each[2] for view in fields for each in view)
        return healthy and len(masters[0]) == len(self.nodes) and all(one == masters[0] for one in masters)

    def set_failover_delay(self, milliseconds: int) -> None:
        for node in self.nodes:
            node.ask("CONFIG", "SET", "cluster-node-timeout", str(milliseconds))

    def master_of(self, key: str) -> Node:
        alive = next(node for node in self.nodes if node.ask("PING"))
        slot = alive.ask("CLUSTER", "KEYSLOT", key)
        ports = [master[1] for first, last, master, *_ in alive.ask("CLUSTER", "SLOTS") if first <= slot <= last]
        return next(node for node in self.nodes if node.port == ports[0])
