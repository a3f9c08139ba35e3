"""A whole deployment of real parts: three edge machines, one origin, one store.

    machine a:  clients -> `edgeward run` (2 workers, controller) -> Varnish (tier 1) -> nginx (tier 0) -> origin
    machine b:  clients -> `edgeward proxy` -> Squid          -> origin      and a second `edgeward controller`
    machine c:  clients -> `edgeward proxy` -> Traffic Server -> origin

All share one store, a server that syncs its append-only file at each write, and the same [[caches]]. On machine a the
supervisor restarts what dies; the run itself restarts the store, the caches, and what runs on b and c.

Each machine, and the controller on b, reaches the store through a link that can be cut. The store, and what runs on b
and on c, have wall clocks that can step. The directories of the store, of a and of b are disks that can be full or
read-only.
"""

import http.client
import sys
from collections.abc import Mapping, Set
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Protocol, Self

from tests.chaos.clocks import Clock, library
from tests.chaos.components import (
    Component,
    IsolatedProcess,
    Machine,
    StandaloneProcess,
    SupervisedProcess,
    edgeward_role,
)
from tests.chaos.disks import Disk, can_mount
from tests.chaos.stored_orders import StoredOrders

from edgeward.demo.caches import CacheServer, Nginx, Squid, TrafficServer, Varnish
from edgeward.demo.caches.base import is_listening
from edgeward.demo.edge import Edge, free_address, toml
from edgeward.demo.http_client import HOST, ask
from edgeward.demo.origin import Origin
from edgeward.errors import EdgewardError
from edgeward.store import embedded

LIST = "removed"
TIMEOUT_MS = 1000
START_ATTEMPTS = 3
SECRET = "0123456789abcdef"
KINDS = ("links", "clocks", "disks", "processes")
"""Optional components: links to the store, wall clocks, disks, and hashers and a whole machine."""
CLOCKS = ("clock of the store", "clock of b", "clock of c")


class Startable(Protocol):
    def start(self) -> None: ...
    def stop(self) -> None: ...


class Deployment:
    """`with Deployment(directory) as deployment`. `components`: what may be killed or frozen, by name.

    Args:
        kinds: those of KINDS whose components may fail.
    """

    def __init__(self, directory: Path, origin_server: Origin, seed: int = 0, kinds: Set[str] = frozenset()) -> None:
        self.directory, self._seed = directory, seed
        self.origin = origin_server
        self.caches = _caches(directory, _split(self.origin.address))
        store_directory = directory / "store"
        self.disks = {"disk of the store": Disk(store_directory, lambda: self.store.start())}
        for machine in ("a", "b"):
            self.disks[f"disk of {machine}"] = Disk(directory / machine / "state")
        self.disks = self.disks if "disks" in kinds and can_mount() else {}
        store_directory.mkdir(parents=True)
        self.clocks = {name: Clock(directory / f"{name.replace(' ', '-')}.offset", seed) for name in CLOCKS}
        self.clocks = self.clocks if "clocks" in kinds and library() and embedded.bundled_server() else {}
        self.socket = store_directory / "store.sock"
        self.stored_orders = StoredOrders(self.socket)
        self.store = StandaloneProcess(
            directory / "store.log",
            self._store_command,
            self.stored_orders.ready,
            self._clock("clock of the store"),
        )
        self.links = {machine: self._link(machine) for machine in ("a", "b", "c", "controller")}
        self._addresses = {name: free_address() for name in self.links}
        self.edge = Edge(directory / "a", self._settings(self.caches["varnish"], "a", "a", 2))
        self.state_dirs = [self.edge.state, directory / "b" / "state"]
        roles = {
            "proxy b": self._standalone("b", "proxy", self.caches["squid"]),
            "proxy c": self._standalone("c", "proxy", self.caches["trafficserver"]),
            "controller b": self._standalone("b", "controller", self.caches["squid"]),
        }
        self.standalone = list(roles.values())
        self.components: dict[str, Component] = {
            "worker a1": SupervisedProcess(self.edge, "proxy", 0),
            "worker a2": SupervisedProcess(self.edge, "proxy", 1),
            "controller a": SupervisedProcess(self.edge, "controller"),
            **roles,
            "store": self.store,
            **self.caches,
            **self._optional(kinds),
        }
        self._started = ExitStack()

    def _optional(self, kinds: Set[str]) -> Mapping[str, Component]:
        """The components of these kinds."""
        optional: dict[str, Component] = {**self.clocks, **self.disks}
        if "links" in kinds:
            optional |= {f"link of {name}": link for name, link in self.links.items()}
        if "processes" in kinds:
            hashers = {f"hasher of {each.log.parent.name}": each for each in self.standalone[:2]}
            optional |= {name: IsolatedProcess(lambda it=it: it.session, self._seed) for name, it in hashers.items()}
            optional["machine a"] = Machine(self.edge)
        return optional

    def _clock(self, name: str) -> Mapping[str, str]:
        return self.clocks[name].environ if name in self.clocks else {}

    def _store_command(self) -> list[str]:
        program, *options = embedded.command(self.socket.parent)
        # Debian's server does not start with libfaketime: both replace parts of libc, and each needs the other first.
        bundled = embedded.bundled_server() if "clock of the store" in self.clocks else None
        return [str(bundled or program), *options]

    def _link(self, name: str) -> StandaloneProcess:
        socket = self.directory / f"link-{name}.sock"
        command = [sys.executable, "-m", "tests.chaos.store_link", str(socket), str(self.socket)]
        ready = StoredOrders(socket).ready
        return StandaloneProcess(self.directory / f"link-{name}.log", lambda: command, ready)

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
            for disk in self.disks.values():
                components.callback(disk.unmount)
                disk.mount()
            every: list[Startable] = [self.origin, self.store, *self.links.values(), *self.caches.values()]
            for component in [*every, self.edge, *self.standalone]:
                components.callback(component.stop)
                _start(component)
            self._started = components.pop_all()

    def stop(self) -> None:
        self._started.close()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _settings(self, cache: CacheServer, listen: str, link: str, workers: int = 1) -> dict[str, object]:
        """`listen`: a name of an address; `link`: of a link to the store."""
        tiers = {"varnish": 1}
        proxy = {"listen": self._addresses[listen], "upstream": cache.url, "workers": workers, "drain_seconds": 2}
        return {
            "proxy": proxy,
            "store": {"url": f"unix://{self.directory}/link-{link}.sock"},
            "hashing": {"processes": 1},
            "guard": {"enabled": False},  # nobody approves what is held
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
        config = directory / f"{role}.toml"
        link = "controller" if role == "controller" else machine
        settings = self._settings(cache, machine, link)
        settings["admin"] = {"listen": self._addresses["controller"], "hosts": [HOST]}
        config.write_text(toml({"state_dir": "state", **settings}))
        address = self._addresses[link]

        def ready() -> bool:
            return is_ready(address) if role == "controller" else is_listening(_split(address))

        clock = self._clock(f"clock of {machine}")
        return StandaloneProcess(directory / f"{role}.log", lambda: edgeward_role(role, config), ready, clock)


def _start(component: Startable) -> None:
    """A slow machine may need more than one attempt."""
    for _ in range(START_ATTEMPTS - 1):
        with suppress(EdgewardError):
            component.start()
            return
    component.start()


def _caches(directory: Path, origin: tuple[str, int]) -> dict[str, CacheServer]:
    nginx = Nginx(directory / "nginx", origin, SECRET)
    varnish = Varnish(directory / "varnish", nginx.address, SECRET)
    varnish.bans = True
    return {
        "nginx": nginx,
        "varnish": varnish,
        "squid": Squid(directory / "squid", origin, SECRET),
        "trafficserver": TrafficServer(directory / "trafficserver", origin, SECRET),
    }


def _split(address: str) -> tuple[str, int]:
    host, _, port = address.rpartition(":")
    return host, int(port)


def is_ready(address: str) -> bool:
    """Whether the controller at that address has loaded its lists."""
    with suppress(OSError, http.client.HTTPException):
        return ask(address, "/readyz").status == 200
    return False
