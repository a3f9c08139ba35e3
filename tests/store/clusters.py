"""A real Redis Cluster of six: three masters with a replica each."""

from pathlib import Path

from tests.parts import free_port
from tests.store.nodes import Node, Nodes, addresses, run, until

MASTERS = 3
NODE_TIMEOUT_MS = 1000


class ClusterNodes(Nodes):
    """The cluster, started in `directory`."""

    def __init__(self, directory: Path) -> None:
        super().__init__()
        cluster = ("cluster-enabled yes", f"cluster-node-timeout {NODE_TIMEOUT_MS}")
        self._buses = [str(free_port()) for _ in range(2 * MASTERS)]
        for number, bus in enumerate(self._buses):
            self.nodes.append(Node(directory / str(number), *cluster, f"cluster-port {bus}"))
        self.url = f"redis+cluster://{addresses(self.nodes[:MASTERS])}"

    def start(self) -> None:
        for node in self.nodes:
            node.start()
        places = [f"{node.address}@{bus}" for node, bus in zip(self.nodes, self._buses, strict=True)]
        run("redis-cli", "--cluster", "create", *places, "--cluster-replicas", "1", "--cluster-yes")
        until(self.whole)

    def whole(self) -> bool:
        masters = self.masters()
        steady = all(b"cluster_state:ok" in (node.ask("CLUSTER", "INFO") or b"") for node in self.nodes)
        return steady and len(masters) == MASTERS and all(self.replicas_in_step(node) == 1 for node in masters)

    def master_of(self, key: str) -> Node:
        alive = next(node for node in self.nodes if node.ask("PING"))
        slot = alive.ask("CLUSTER", "KEYSLOT", key)
        ports = [master[1] for first, last, master, *_ in alive.ask("CLUSTER", "SLOTS") if first <= slot <= last]
        return next(node for node in self.nodes if node.port == ports[0])
