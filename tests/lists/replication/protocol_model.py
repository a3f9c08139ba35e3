"""The protocol of docs/replication.md as a state machine: the real scripts in a real store, with replicas and clocks of
a model. An image is listed by making a list of its own, which is a change like any other."""

import asyncio
import itertools
from collections.abc import Coroutine, Iterable
from dataclasses import dataclass, field
from typing import Any, ClassVar

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from edgeward.lists.list_store import ListStore
from edgeward.lists.replication import membership_scripts as scripts
from edgeward.lists.replication.membership import (
    DIVERGED,
    LEASE_SECONDS,
    LOADING,
    Laggards,
    Membership,
    RecordLost,
    StoreHistory,
)
from edgeward.store.connection import Store
from edgeward.types import HashList

SCRIPTS = ("HEARTBEAT", "LAGGARDS", "UNJUDGED", "PENDING", "END", "FORGET", "MEMBERS", "RESTORE")
TIME_KEY = "protocol-model:time"
CLOCK_RULE = (
    f"if passed < 0 then passed = 0 elseif passed > {scripts.MAX_CLOCK_GAP} then "
    f"passed = {scripts.HEARTBEAT_SECONDS} end"
)
MACHINES = (0, 1)
STEPS = (30.0, 3600.0, -300.0, -3600.0)
MAX_STEPS = 4
HALF = 0.5

machines = st.sampled_from(MACHINES)
steps = st.sampled_from(STEPS)
_namespaces = itertools.count()


@dataclass(frozen=True)
class Rules:
    """The rules of the protocol: one that is False is broken, as it once was."""

    names_silent: bool = True
    fresh_when_applied: bool = True
    monotonic_age: bool = True
    lease_clock: bool = True
    compares_changes: bool = True
    remembers_members: bool = True


@dataclass
class Memory:
    """What a process remembers of the record: the lease clock that was answered last, and by name who is on it."""

    clock: str = ""
    comings: int = -1
    journals: dict[str, str] = field(default_factory=dict)


@dataclass
class ModelReplica:
    """A process with its copy of the lists.

    Times are the model's. `contact`: when the last heartbeat was sent that was answered, `contact_wall` by the clock of
    its machine. `last_beat`: when the server that is in charge heard it. `waited_from`: from then it is waited for.
    """

    name: str
    images: set[str] = field(default_factory=set)
    version: int = 0
    applied_at: float | None = None
    loaded: bool = False
    ready: bool = False
    contact: float = -1e9
    contact_wall: float = -1e9
    newest: int = 0
    last_beat: float = 0.0
    waited_from: float = 0.0
    memory: Memory = field(default_factory=Memory)
    frozen: bool = False
    cut: bool = False
    dead: bool = False
    forgotten: bool = False

    @property
    def reaches_store(self) -> bool:
        return not (self.frozen or self.cut or self.dead)


@dataclass(frozen=True)
class StoreCopy:
    """What another server has. `beats`: by the name of each process that is not dead, when its last heartbeat came."""

    version: int
    beats: dict[str, float]
    listed: list[str]
    data: dict[bytes, bytes]


class ProtocolModel(RuleBasedStateMachine):
    """Random steps. A broken promise is an AssertionError."""

    url: ClassVar[str]
    rules_kept: ClassVar[Rules] = Rules()

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.namespace = f"model{next(_namespaces)}"
        self.store = self.run(Store.connect(self.url, self.namespace))
        self.lists, self.members = ListStore(self.store), Membership(self.store)
        self.redis: Any = self.store.redis
        self.now, self.offset, self.step_times = 0.0, 1_000_000.0, list[float]()
        self.wall = dict.fromkeys(MACHINES, 0.0)
        self.serial = itertools.count(1)
        self.replicas: dict[int, ModelReplica] = {}
        self.killed: dict[int, list[str]] = {machine: [] for machine in MACHINES}
        self.listed: list[str] = []
        self.promises: list[tuple[set[str], set[str]]] = []
        self.acknowledged = 0
        self.copy: StoreCopy | None = None
        self.lister = Memory()

    def run[T](self, work: Coroutine[Any, Any, T]) -> T:
        return self.runner.run(work)

    def teardown(self) -> None:
        self.run(self._delete_all())
        self.run(self.store.close())
        self.runner.close()

    async def _keys(self) -> list[bytes]:
        return [key async for keys in self.store.scan(f"{self.namespace}:*") for key in keys]

    async def _delete_all(self) -> None:
        for key in await self._keys():
            await self.redis.delete(key)

    def set_time(self) -> None:
        """What the server's clock shows."""
        seconds, part = divmod(self.offset + self.now, 1)
        self.run(self.redis.hset(TIME_KEY, mapping={"s": int(seconds), "u": int(part * 1e6)}))

    # What processes do.

    def beat(self, replica: ModelReplica, answered: bool = True) -> None:
        """A heartbeat. Not `answered`: the store gets it, and its answer is lost."""
        not_loaded = DIVERGED if replica.ready else LOADING
        known_at = replica.applied_at if replica.loaded and self.rules_kept.compares_changes else None
        reported = replica.version if replica.loaded else not_loaded
        applied = replica.version if replica.loaded else LOADING
        history = self.tell(replica.name, replica.memory, answered, reported, applied, known_at)
        replica.last_beat, replica.waited_from, replica.forgotten = self.now, self.now, False
        if not answered:
            return
        replica.contact, replica.newest = self.now, history.version
        replica.contact_wall = self.now + self.wall[self.machine_of(replica)]
        another = None not in (history.applied_at, replica.applied_at) and history.applied_at != replica.applied_at
        if replica.loaded and (history.version < replica.version or another):
            replica.loaded = False

    def tell(
        self, name: str, memory: Memory, answered: bool, reported: int, applied: int, applied_at: float | None = None
    ) -> StoreHistory:
        """A heartbeat, after those are on record again that the store has lost. Not `answered`: its answer is lost."""
        clock = memory.clock if self.rules_kept.remembers_members else ""
        while True:
            work = self.members.heartbeat(name, reported, applied, applied_at=applied_at, clock=clock)
            try:
                history = self.run(work)
                break
            except RecordLost:
                others = {each: journal for each, journal in memory.journals.items() if each != name}
                self.wait_for(self.run(self.members.restore(others)) if others else [])
                clock = ""
        if answered:
            memory.clock = history.clock
            if memory.comings != history.comings:
                memory.journals, memory.comings = self.run(self.members.journals()), history.comings
        return history

    def wait_for(self, names: list[str]) -> None:
        """These are on record again: they have a lease in which they can be heard."""
        for replica in self.replicas.values():
            if replica.name in names:
                replica.waited_from = self.now

    def load(self, replica: ModelReplica) -> None:
        self.beat(replica)
        version = self.run(self.lists.version())
        replica.images |= {each.name for each in self.run(self.lists.lists())}
        last = self.run(self.lists.changes(version - 1, 1)) if version else []
        replica.version, replica.applied_at = version, last[0].at if last else None
        replica.loaded = replica.ready = True

    def apply(self, replica: ModelReplica) -> None:
        for change in self.run(self.lists.changes(replica.version)):
            assert change.list is not None
            replica.images.add(change.list.name)
            replica.version, replica.applied_at = change.version, change.at

    def catch_up(self, replica: ModelReplica) -> None:
        """Ask the store, and apply what it has."""
        self.beat(replica)
        if not replica.loaded:
            self.load(replica)
        self.apply(replica)

    def is_fresh(self, replica: ModelReplica) -> bool:
        age = self.now - replica.contact
        if not self.rules_kept.monotonic_age:
            age = self.now + self.wall[self.machine_of(replica)] - replica.contact_wall
        applied = replica.loaded and replica.version >= replica.newest
        return age <= LEASE_SECONDS and (applied or not self.rules_kept.fresh_when_applied)

    def machine_of(self, replica: ModelReplica) -> int:
        return int(replica.name.partition("/")[0])

    def start(self, machine: int) -> None:
        replica = self.replicas[machine] = ModelReplica(f"{machine}/{next(self.serial)}")
        if self.killed[machine]:
            self.run(self.members.note_ended(self.killed[machine]))
            self.killed[machine].clear()
        self.load(replica)

    def pass_half(self, applies: bool = True) -> None:
        self.now += HALF
        self.set_time()
        self.beat_of_lister()
        for replica in self.replicas.values():
            if replica.reaches_store:
                self.beat(replica)
                if applies:
                    self.catch_up(replica)

    def beat_of_lister(self) -> None:
        """The one who lists is a process too."""
        version = self.run(self.lists.version())
        self.tell("lister", self.lister, True, version, version)

    def laggards(self) -> Laggards:
        clock = self.lister.clock if self.rules_kept.remembers_members else ""
        return self.run(self.members.laggards(self.acknowledged, asker="lister", clock=clock))

    # Steps.

    @initialize()
    def begin(self) -> None:
        self.set_time()
        self.beat_of_lister()
        for machine in MACHINES:
            self.start(machine)

    @rule(halves=st.integers(1, 6), applies=st.booleans())
    def pass_time(self, halves: int, applies: bool) -> None:
        for _ in range(halves):
            self.pass_half(applies)

    @rule()
    def list_image(self) -> None:
        name = f"image-{next(self.serial)}"
        self.run(self.lists.create_list(HashList(name), "me"))
        self.listed.append(name)

    @rule()
    def acknowledge(self) -> None:
        """Say who may not have what is listed by now: all others must act on it from now on."""
        self.acknowledged = self.run(self.lists.version())
        late = self.laggards()
        if "lister" in late:
            self.beat_of_lister()
            late = self.laggards()
        silent = {each.name for each in late.silent}
        named = set(late) | (silent if self.rules_kept.names_silent else set())
        self.promises.append((set(self.listed), named))
        self.check_names(set(late), silent)

    def check_names(self, late: set[str], silent: set[str]) -> None:
        """Whoever goes on sending heartbeats is not silent, and whoever has stopped is not waited for."""
        for replica in self.replicas.values():
            stepped = sum(at >= replica.waited_from for at in self.step_times)
            if replica.name in silent:
                assert self.now - replica.last_beat > 2 * HALF, f"{replica.name} is not silent"
            if replica.name in late:
                longest = LEASE_SECONDS + HALF * (1 + stepped)
                assert self.now - replica.waited_from <= longest, f"{replica.name} is dead"

    @rule(machine=machines, image=st.integers(0, 5), after_beat=st.booleans())
    def check_image(self, machine: int, image: int, after_beat: bool) -> None:
        """A request for a listed image. A process that can't ask the store goes by what it has: such is its policy."""
        replica = self.replicas[machine]
        if replica.dead or replica.frozen or not replica.ready or not self.listed:
            return
        if after_beat and replica.reaches_store:
            self.beat(replica)
        if not self.is_fresh(replica) and not replica.cut:
            self.catch_up(replica)
        name = self.listed[-1 - image % len(self.listed)]
        if name in replica.images:
            return
        for images, named in self.promises:
            assert name not in images or replica.name in named, f"{replica.name} serves {name}"

    @rule(machine=machines, answered=st.booleans())
    def send_heartbeat(self, machine: int, answered: bool) -> None:
        if self.replicas[machine].reaches_store:
            self.beat(self.replicas[machine], answered)

    @rule(machine=machines, halves=st.integers(0, 6))
    def freeze(self, machine: int, halves: int) -> None:
        self.replicas[machine].frozen = True
        self.pass_time(halves, True)

    @rule(machine=machines, halves=st.integers(0, 6))
    def cut_off(self, machine: int, halves: int) -> None:
        if not self.replicas[machine].forgotten:  # an operator's word that is not true
            self.replicas[machine].cut = True
            self.pass_time(halves, True)

    @rule(machine=machines)
    def bring_back(self, machine: int) -> None:
        self.replicas[machine].frozen = self.replicas[machine].cut = False

    @rule(machine=machines, signs_off=st.booleans())
    def end(self, machine: int, signs_off: bool) -> None:
        replica = self.replicas[machine]
        if signs_off and replica.reaches_store:
            self.run(self.members.leave(replica.name))
        elif not replica.dead:
            self.killed[machine].append(replica.name)
        replica.dead = True

    @rule(machine=machines)
    def restart(self, machine: int) -> None:
        if self.replicas[machine].dead:
            self.start(machine)

    @rule(machine=machines)
    def freeze_and_forget(self, machine: int) -> None:
        """An operator believes that the machine is gone. It is not, and may go on."""
        replica = self.replicas[machine]
        if replica.cut:
            return
        replica.frozen = True
        self.pass_time(6, True)
        self.run(self.members.forget([replica.name]))
        replica.forgotten = True

    @precondition(lambda self: len(self.step_times) < MAX_STEPS)
    @rule(seconds=steps)
    def step_store_clock(self, seconds: float) -> None:
        self.offset += seconds
        self.step_times.append(self.now)
        self.set_time()

    @rule(machine=machines, seconds=steps)
    def step_machine_clock(self, machine: int, seconds: float) -> None:
        self.wall[machine] += seconds

    @rule()
    def copy_store(self) -> None:
        """What another server has, so far."""
        data = {key: self.run(self.redis.dump(key)) for key in self.run(self._keys())}
        beats = {replica.name: replica.last_beat for replica in self.replicas.values() if not replica.dead}
        self.copy = StoreCopy(self.run(self.lists.version()), beats, list(self.listed), data)

    @precondition(lambda self: self.copy is not None and len(self.step_times) < MAX_STEPS)
    @rule(seconds=st.sampled_from((0.0, *STEPS)))
    def fail_over(self, seconds: float) -> None:
        """The store comes back with an older copy, by another clock. It has all that was acknowledged, but perhaps not
        all who are there: those that the one who lists has not read yet are not covered."""
        assert self.copy is not None
        known = {*self.copy.beats, *self.lister.journals}
        alive = [replica for replica in self.replicas.values() if not replica.dead and not replica.forgotten]
        if self.copy.version < self.acknowledged or any(each.name not in known for each in alive):
            return
        self.run(self._delete_all())
        for key, value in self.copy.data.items():
            self.run(self.redis.restore(key, 0, value))
        self.listed = list(self.copy.listed)
        for replica in self.replicas.values():
            replica.last_beat, replica.waited_from = self.copy.beats.get(replica.name, replica.last_beat), self.now
        self.step_store_clock(seconds)


def with_model_time(texts: Iterable[str], rules: Rules) -> list[str]:
    """The scripts with the model's time for the server's clock."""
    time = f"{{redis.call('HGET', '{TIME_KEY}', 's'), redis.call('HGET', '{TIME_KEY}', 'u')}}"
    changed = []
    for text in texts:
        assert CLOCK_RULE in text
        text = text.replace("redis.call('TIME')", time)
        changed.append(text if rules.lease_clock else text.replace(CLOCK_RULE, ""))
    return changed
