"""A whole deployment of real parts: three edge machines, one origin, one store.

    machine a:  clients -> `edgeward run` (2 workers, controller) -> Varnish (tier 1) -> nginx (tier 0) -> origin
    machine b:  clients -> `edgeward proxy` -> Squid          -> origin      and a second `edgeward controller`
    machine c:  clients -> `edgeward proxy` -> Traffic Server -> origin

All share one store, a server that syncs its append-only file at each write, and the same [[caches]]. On machine a the
supervisor restarts what dies; the run itself restarts the store, the caches, and what runs on b and c.
"""

import http.client
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Protocol, Self

from tests.chaos.components import Component, StandaloneProcess, SupervisedProcess, edgeward_role
from tests.chaos.stored_orders import StoredOrders

from edgeward.demo.caches import CacheServer, Nginx, Squid, TrafficServer, Varnish
from edgeward.demo.caches.base import is_listening
from edgeward.demo.edge import Edge, free_address, toml
from edgeward.demo.http_client import HOST, ask
from edgeward.demo.origin import Origin
from edgeward.store import embedded

LIST = "removed"
TIMEOUT_MS = 1000
SECRET = "0123456789abcdef"


class Startable(Protocol):
    def start(self) -> None: ...
    def stop(self) -> None: ...


class Deployment:
    """`with Deployment(directory) as deployment`. `components`: what may be killed or frozen, by name."""

    def __init__(self, directory: Path, origin_server: Origin) -> None:
        self.directory = directory
        self.origin = origin_server
        origin = _split(self.origin.address)
        nginx = Nginx(directory / "nginx", origin, SECRET)
        varnish = Varnish(directory / "varnish", nginx.address, SECRET)
        varnish.bans = True
        squid = Squid(directory / "squid", origin, SECRET)
        self.caches: dict[str, CacheServer] = {
            "nginx": nginx,
            "varnish": varnish,
            "squid": squid,
            "trafficserver": TrafficServer(directory / "trafficserver", origin, SECRET),
        }
        (directory / "store").mkdir(parents=True)
        self.socket = directory / "store" / "store.sock"
        self.stored_orders = StoredOrders(self.socket)
        self.store = StandaloneProcess(
            directory / "store.log", lambda: embedded.command(self.socket.parent), self.stored_orders.ready
        )
        self._addresses = {name: free_address() for name in ("a", "b", "c", "controller")}
        self.edge = Edge(directory / "a", self._settings(varnish, self._addresses["a"], 2))
        self.state_dirs = [self.edge.state, directory / "b" / "state"]
        roles = {
            "proxy b": self._standalone("b", "proxy", squid),
            "proxy c": self._standalone("c", "proxy", self.caches["trafficserver"]),
            "controller b": self._standalone("b", "controller", squid),
        }
        self.standalone = list(roles.values())
        self.components: dict[str, Component] = {
            "worker a1": SupervisedProcess(self.edge, "proxy", 0),
            "worker a2": SupervisedProcess(self.edge, "proxy", 1),
            "controller a": SupervisedProcess(self.edge, "controller"),
            **roles,
            "store": self.store,
            **self.caches,
        }
        self._started = ExitStack()

    @property
    def proxies(self) -> list[str]:
        """HOST:PORT of the three proxies that clients use."""
        return [self._addresses["a"], self._addresses["b"], self._addresses["c"]]

    @property
    def logs(self) -> list[Path]:
        """The log files of Edgeward's processes."""
        return [self.edge.log, *(service.log for service in self.standalone)]

    def start(self) -> None:
        with ExitStack() as components:
            every: list[Startable] = [self.origin, self.store, *self.caches.values(), self.edge, *self.standalone]
            for component in every:
                components.callback(component.stop)
                component.start()
            self._started = components.pop_all()

    def stop(self) -> None:
        self._started.close()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _settings(self, cache: CacheServer, listen: str, workers: int = 1) -> dict[str, object]:
        tiers = {"varnish": 1}
        return {
            "proxy": {"listen": listen, "upstream": cache.url, "workers": workers, "drain_seconds": 2},
            "store": {"url": f"unix://{self.socket}"},
            "hashing": {"processes": 1},
            "purge": {"backoff_max_seconds": 2.0},
            # The origin check meets every mood of the origin.
            "sweep": {"within_seconds": 10.0, "share": 0.2},
            "hosts": [{"name": "*", "origin": f"http://{self.origin.address}"}],
            "caches": [
                {**node.section(name), "tier": tiers.get(name, 0), "timeout_ms": TIMEOUT_MS}
                for name, node in self.caches.items()
            ],
        }

    def _standalone(self, machine: str, role: str, cache: CacheServer) -> StandaloneProcess:
        """A role of Edgeward as a process without supervisor. Those of one machine share its state_dir."""
        directory = self.directory / machine
        directory.mkdir(exist_ok=True)
        config = directory / "edgeward.toml"
        settings = self._settings(cache, self._addresses[machine])
        settings["admin"] = {"listen": self._addresses["controller"], "hosts": [HOST]}
        config.write_text(toml({"state_dir": "state", **settings}))
        address = self._addresses["controller" if role == "controller" else machine]

        def ready() -> bool:
            return is_ready(address) if role == "controller" else is_listening(_split(address))

        return StandaloneProcess(directory / f"{role}.log", lambda: edgeward_role(role, config), ready)


def _split(address: str) -> tuple[str, int]:
    host, _, port = address.rpartition(":")
    return host, int(port)


def is_ready(address: str) -> bool:
    """Whether the controller at that address has loaded its lists."""
    with suppress(OSError, http.client.HTTPException):
        return ask(address, "/readyz").status == 200
    return False
