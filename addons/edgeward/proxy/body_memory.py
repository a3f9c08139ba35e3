"""The memory for the bodies that a worker has in hand: arriving, being judged, or not yet read by their client.

A body is held only within one budget. What does not fit waits, in turns by host and client, and is refused if there is
no room in time. While something waits, the connection that would hold its memory longest is ended: a client that does
not read, or an upstream that does not send.
"""

import asyncio
import math
import time
from dataclasses import dataclass, field
from typing import NamedTuple

from edgeward import metrics
from edgeward.background.fair_queue import ANY_SOURCE, FairQueue, Source
from edgeward.background.worker_loop import WorkerLoop

WAIT_SECONDS = 10.0
"""Longest wait for room."""
MAX_WAITING = 1000
"""Bodies that wait for room; beyond it those of the source with the most are refused."""
UNKNOWN_BYTES = 1024 * 1024
"""Reserved for a body whose length is not known."""
READ_BYTES = 64 * 1024
"""By which a body may grow before it is found to exceed the budget."""
PATIENCE_SECONDS = 10.0
"""While something waits, a connection that needs longer than this to finish, at its present rate, may be ended."""
RATE_SECONDS = 2.0
"""Time over which a rate is measured."""
TICK_SECONDS = 0.1
MAX_TICK_SECONDS = 5 * TICK_SECONDS
"""The time between two looks counts up to this: while the worker itself stood still, no connection could move its body,
and those that did so before must not be taken for stalled ones."""


class Reservation:
    """Memory of one body. `release` gives it back; it is released too when nothing refers to it any more.

    Attributes:
        size: bytes, as counted in the budget.
        received: bytes that have arrived.
        upstream: the connection that the body comes from, while it arrives.
        client: the connection that the body goes to.
        refused: the body has to be given up: there is no room for the rest of it.
        waits: its upstream is not read until there is room.
    """

    def __init__(self, memory: "BodyMemory", size: int, source: Source = ANY_SOURCE) -> None:
        self._memory, self.size, self.source = memory, size, source
        self.received = 0
        self.upstream: asyncio.WriteTransport | None = None
        self.client: asyncio.WriteTransport | None = None
        self.refused = False
        self.waits = False
        self._complete = False
        memory.used += size

    def __del__(self) -> None:
        self.release()

    def grow(self, received: int) -> None:
        """So many bytes have arrived. What exceeds the size is reserved, whether there is room or not."""
        self.received = received
        if received > self.size:
            self._memory.used += received - self.size
            self.size = received

    async def wait_for_room(self) -> None:
        """Wait while bodies of unknown length have grown beyond the budget, all but the one that began to first. So
        one of them is always completed, and the budget is never exceeded by more than one body. Without room in time
        the reservation is marked as refused."""
        if not self._complete and not self.refused and self._memory.exceeded_beside(self):
            self.waits = True
            try:
                self.refused = not await self._memory.wait_to_grow(self)
            finally:
                self.waits = False

    def wait_for_upstream(self, upstream: asyncio.WriteTransport | None) -> None:
        """The body comes from this connection, which is ended if it is slow and others wait for memory."""
        self._memory.watch_upstream(self)
        self.upstream = upstream

    def arrived(self, size: int) -> None:
        """The body is complete: it takes `size` bytes, and no longer depends on its upstream."""
        self._complete = True
        self._memory.forget(self)
        self._resize(size)

    def sent(self) -> None:
        """The response was handed to the client's connection: release it as soon as the client has read it."""
        if self.size and self.client is not None and self.client.get_write_buffer_size() > 0:
            self._memory.watch_client(self)
        else:
            self.release()

    def release(self) -> None:
        """Give it all back."""
        self._complete = True
        self._memory.forget(self)
        self._resize(0)

    def _resize(self, size: int) -> None:
        if size != self.size:
            self._memory.used += size - self.size
            self.size = size
            self._memory.assign()


@dataclass(slots=True)
class _Progress:
    """How fast a connection moves its body; a rate is taken every RATE_SECONDS."""

    moved: int
    """Bytes that it has moved in all, by any count that only grows."""
    at: float
    """When that was measured, by the clock of the BodyMemory."""
    moved_at: float = field(init=False)
    seconds_left: float = 0.0
    """Until it has moved all; infinite if it does not move."""

    def __post_init__(self) -> None:
        self.moved_at = self.at

    def restart(self, moved: int, now: float) -> None:
        """What was measured before does not count."""
        self.moved, self.at, self.seconds_left = moved, now, 0.0

    def update(self, moved: int, left: int, now: float) -> None:
        if now - self.at < RATE_SECONDS:
            return
        if moved > self.moved:
            self.moved_at = now
            self.seconds_left = left * (now - self.at) / (moved - self.moved)
        else:
            self.seconds_left = math.inf
        self.moved, self.at = moved, now


class _Waiting(NamedTuple):
    """A body that waits for room. Its turn ends with a reservation, or None."""

    size: int
    turn: asyncio.Future[Reservation | None]

    def settle(self, result: Reservation | None) -> None:
        if not self.turn.done():
            self.turn.set_result(result)


class BodyMemory:
    """One worker's budget of `limit` bytes. A single larger body may pass alone.

    Args:
        idle_seconds: a client that reads nothing for this long is disconnected, also if nothing waits.

    Attributes:
        used: bytes reserved.
    """

    def __init__(self, limit: int, idle_seconds: float = 75.0) -> None:
        self._limit, self._idle_seconds = limit, idle_seconds
        self.used = 0
        self._waiting = FairQueue[_Waiting](MAX_WAITING)
        self._clients: dict[Reservation, _Progress] = {}
        self._upstreams: dict[Reservation, _Progress] = {}
        self._growing: dict[Reservation, None] = {}
        """Those that grew beyond the budget, in this order."""
        self._changed = asyncio.Event()
        # A clock for the rates of connections: seconds in which this worker was running.
        self._clock, self._looked_at = 0.0, time.monotonic()
        self._loop = WorkerLoop(
            "body memory",
            self._look_after_connections,
            metric_label="body_memory",
            retry_seconds=TICK_SECONDS,
            pause_seconds=TICK_SECONDS,
        )

    @property
    def waiting(self) -> int:
        """How many bodies wait for room."""
        return len(self._waiting) + sum(each.waits for each in self._growing)

    async def start(self) -> None:
        """Look after slow connections."""
        await self._loop.start()

    async def close(self) -> None:
        """What still waits is refused."""
        await self._loop.close()
        while waiting := self._waiting.pop():
            waiting[1].settle(None)

    async def reserve(self, size: int, source: Source = ANY_SOURCE) -> Reservation | None:
        """Memory for a body of `size` bytes; None: there was no room in time, which is counted."""
        if not self._waiting and self._fits(size):
            return Reservation(self, size, source)
        waiting = _Waiting(size, asyncio.get_running_loop().create_future())
        if dropped := self._waiting.push(source, waiting):
            dropped.settle(None)
        self.assign()
        found = None
        try:
            async with asyncio.timeout(WAIT_SECONDS):
                found = await waiting.turn
        except TimeoutError:
            pass
        finally:
            self._waiting.remove(source, waiting)
        if found is None:
            metrics.body_memory_refusals.inc()
        return found

    def exceeded_beside(self, reservation: Reservation) -> bool:
        """Whether the budget is exceeded, and not by this one body alone."""
        return self.used > self._limit and self.used > reservation.size

    async def wait_to_grow(self, reservation: Reservation) -> bool:
        """Wait until the budget is kept, or it is this body's turn to exceed it. False: not in time."""
        self._growing.setdefault(reservation)
        try:
            async with asyncio.timeout(WAIT_SECONDS):
                while self.exceeded_beside(reservation) and not self._may_exceed(reservation):
                    await self._changed.wait()
        except TimeoutError:
            metrics.body_memory_refusals.inc()
            self._growing.pop(reservation, None)
            return False
        return True

    def _may_exceed(self, reservation: Reservation) -> bool:
        """Only the first, and only where all the others keep the budget: complete bodies count until they are sent. One
        that was released meanwhile needs nothing any more."""
        if reservation not in self._growing:
            return True
        others = self.used - reservation.size - READ_BYTES * (len(self._growing) - 1)
        return next(iter(self._growing)) is reservation and others <= self._limit

    def assign(self) -> None:
        """Give the room that there is to what waits, in order: small bodies do not overtake a large one for ever."""
        if self._growing:
            self._wake_growing()
        while (first := self._waiting.peek()) and self._fits(first[1].size):
            self._waiting.pop()
            source, waiting = first
            if not waiting.turn.done():
                waiting.settle(Reservation(self, waiting.size, source))

    def _wake_growing(self) -> None:
        """Those that wait to grow look again."""
        self._changed.set()
        self._changed = asyncio.Event()

    def _fits(self, size: int) -> bool:
        return self.used == 0 or self.used + size <= self._limit

    def watch_client(self, reservation: Reservation) -> None:
        """Its client has to read the rest."""
        assert reservation.client is not None
        self._clients[reservation] = _Progress(-reservation.client.get_write_buffer_size(), self._clock)

    def watch_upstream(self, reservation: Reservation) -> None:
        """Its upstream has to send the rest."""
        self._upstreams[reservation] = _Progress(reservation.received, self._clock)

    def forget(self, reservation: Reservation) -> None:
        """It no longer depends on a connection."""
        self._clients.pop(reservation, None)
        self._upstreams.pop(reservation, None)
        if self._growing.pop(reservation, self) is None:
            self._wake_growing()  # also where it was the last one: it may wait itself
            self.assign()
        reservation.upstream = None

    async def _look_after_connections(self) -> None:
        metrics.body_memory_bytes.set(self.used)
        now = self._advance_clock()
        for reservation, progress in list(self._clients.items()):
            assert reservation.client is not None
            left = reservation.client.get_write_buffer_size()
            progress.update(-left, left, now)
            if left == 0:
                reservation.release()
            elif now - progress.moved_at > self._idle_seconds:
                self._end(reservation)
        for reservation, progress in self._upstreams.items():
            # Of a body of unknown length as much again may come.
            left = reservation.size - reservation.received or max(reservation.received, READ_BYTES)
            if reservation.waits:
                # It is not read: that says nothing of its pace, also once there is room.
                progress.restart(reservation.received, now)
            else:
                progress.update(reservation.received, left, now)
        if self.waiting:
            self._end_slowest()

    def _advance_clock(self) -> float:
        looked_at, self._looked_at = self._looked_at, time.monotonic()
        self._clock += min(self._looked_at - looked_at, MAX_TICK_SECONDS)
        return self._clock

    def _end_slowest(self) -> None:
        """End the connection that would hold its memory longest, if that is long."""
        slow = [
            (progress.seconds_left, reservation.size, reservation)
            for reservation, progress in (*self._clients.items(), *self._upstreams.items())
            if progress.seconds_left > PATIENCE_SECONDS
        ]
        if slow:
            self._end(max(slow, key=lambda each: each[:2])[2])

    def _end(self, reservation: Reservation) -> None:
        connection, reason = reservation.client, "slow_client"
        if reservation in self._upstreams:
            connection, reason = reservation.upstream, "slow_upstream"
        self.forget(reservation)
        metrics.connections_ended.labels(reason).inc()
        if connection is not None:
            connection.abort()
        if reason == "slow_client":
            reservation.release()
        else:
            reservation.refused = True
