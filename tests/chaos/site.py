"""A site as an operator runs it: three machines at the edge, one origin, one store, all of it real.

    machine a:  clients -> `edgeward run` (2 workers, controller) -> Varnish (tier 1) -> nginx (tier 0) -> origin
    machine b:  clients -> `edgeward proxy` -> Squid          -> origin      and a second `edgeward controller`
    machine c:  clients -> `edgeward proxy` -> Traffic Server -> origin

All share one store, a server with an append-only file that is synced at each write, and the same [[caches]]. On
machine a the supervisor starts what dies; the store, the caches, and what runs on b and c are started again by the run.
"""

import http.client
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Protocol, Self

from tests.chaos.ledger import Ledger
from tests.chaos.process import Part, Service, Supervised, edgeward_role

from edgeward.demo.answer import ask
from edgeward.demo.caches import CacheServer, Nginx, Squid, TrafficServer, Varnish
from edgeward.demo.caches.base import answers
from edgeward.demo.edge import Edge, free_address, toml
from edgeward.demo.origin import Origin
from edgeward.store import embedded

LIST = "removed"
TIMEOUT_MS = 1000
SECRET = "0123456789abcdef"


class _Startable(Protocol):
    def start(self) -> None: ...
    def stop(self) -> None: ...


class Site:
    """`with Site(directory) as site`. `parts` are those that may be struck, by name; `doors` where clients come to."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.origin = Origin()
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
        self.ledger = Ledger(self.socket)
        self.store = Service(directory / "store.log", lambda: embedded.command(self.socket.parent), self.ledger.ready)
        self._addresses = {name: free_address() for name in ("a", "b", "c", "controller")}
        self.edge = Edge(directory / "a", self._settings(varnish, self._addresses["a"], 2))
        self.states = [self.edge.state, directory / "b" / "state"]
        roles = {
            "proxy b": self._apart("b", "proxy", squid),
            "proxy c": self._apart("c", "proxy", self.caches["trafficserver"]),
            "controller b": self._apart("b", "controller", squid),
        }
        self.apart = list(roles.values())
        self.parts: dict[str, Part] = {
            "worker a1": Supervised(self.edge, "proxy", 0),
            "worker a2": Supervised(self.edge, "proxy", 1),
            "controller a": Supervised(self.edge, "controller"),
            **roles,
            "store": self.store,
            **self.caches,
        }
        self._started = ExitStack()

    @property
    def doors(self) -> list[str]:
        return [self._addresses["a"], self._addresses["b"], self._addresses["c"]]

    @property
    def logs(self) -> list[Path]:
        """Of Edgeward's processes."""
        return [self.edge.log, *(service.log for service in self.apart)]

    def start(self) -> None:
        with ExitStack() as parts:
            every: list[_Startable] = [self.origin, self.store, *self.caches.values(), self.edge, *self.apart]
            for part in every:
                parts.callback(part.stop)
                part.start()
            self._started = parts.pop_all()

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
            "caches": [
                {**node.section(name), "tier": tiers.get(name, 0), "timeout_ms": TIMEOUT_MS}
                for name, node in self.caches.items()
            ],
        }

    def _apart(self, machine: str, role: str, cache: CacheServer) -> Service:
        """A role started apart. Those of one machine share its state_dir."""
        directory = self.directory / machine
        directory.mkdir(exist_ok=True)
        config = directory / "edgeward.toml"
        settings = self._settings(cache, self._addresses[machine])
        settings["admin"] = {"listen": self._addresses["controller"]}
        config.write_text(toml({"state_dir": "state", **settings}))
        address = self._addresses["controller" if role == "controller" else machine]

        def ready() -> bool:
            return is_ready(address) if role == "controller" else answers(_split(address))

        return Service(directory / f"{role}.log", lambda: edgeward_role(role, config), ready)


def _split(address: str) -> tuple[str, int]:
    host, _, port = address.rpartition(":")
    return host, int(port)


def is_ready(address: str) -> bool:
    """Whether the controller there has its lists."""
    with suppress(OSError, http.client.HTTPException):
        return ask(address, "/readyz").status == 200
    return False
