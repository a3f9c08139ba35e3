"""A real Redis Cluster of six: three masters with a replica each."""

from pathlib import Path

from tests.parts import free_port
from tests.store.nodes import PATIENT_MS, Node, Nodes, addresses, run, until

MASTERS = 3


class ClusterNodes(Nodes):
    """The cluster, started in `directory`."""

    hasty_ms = 1000

    def __init__(self, directory: Path) -> None:
        super().__init__()
        cluster = ("cluster-enabled yes", f"cluster-node-timeout {self.hasty_ms}")
        self._buses = [str(free_port()) for _ in range(2 * MASTERS)]
        for number, bus in enumerate(self._buses):
            node = Node(directory / str(number), *cluster, f"cluster-port {bus}", before_silence=self.hurry)
            self.nodes.append(node)
        self.url = f"redis+cluster://{addresses(self.nodes[:MASTERS])}"

    def start(self) -> None:
        for node in self.nodes:
            node.start()
        places = [f"{node.address}@{bus}" for node, bus in zip(self.nodes, self._buses, strict=True)]
        run("redis-cli", "--cluster", "create", *places, "--cluster-replicas", "1", "--cluster-yes")
        until(self.whole)
        self.bear_silence(PATIENT_MS)

    def whole(self) -> bool:
        masters = self.masters()
        steady = all(b"cluster_state:ok" in (node.ask("CLUSTER", "INFO") or b"") for node in self.nodes)
        in_step = len(masters) == MASTERS and all(self.replicas_in_step(node) == 1 for node in masters)
        return steady and in_step and self._agree()

    def _agree(self) -> bool:
        """Whether all have heard of each one's part: what a replica asks of a master that has not is ignored."""
        views = [(node.ask("CLUSTER", "NODES") or b"").splitlines() for node in self.nodes]
        fields = [[line.split() for line in view] for view in views]  # id, address, flags, id of its master, ...
        masters = [{each[0]: each[3] for each in view} for view in fields]
        well = not any(b"fail" in each[2] for view in fields for each in view)
        return well and len(masters[0]) == len(self.nodes) and all(one == masters[0] for one in masters)

    def bear_silence(self, milliseconds: int) -> None:
        for node in self.nodes:
            node.ask("CONFIG", "SET", "cluster-node-timeout", str(milliseconds))

    def master_of(self, key: str) -> Node:
        alive = next(node for node in self.nodes if node.ask("PING"))
        slot = alive.ask("CLUSTER", "KEYSLOT", key)
        ports = [master[1] for first, last, master, *_ in alive.ask("CLUSTER", "SLOTS") if first <= slot <= last]
        return next(node for node in self.nodes if node.port == ports[0])
