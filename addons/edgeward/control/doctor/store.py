"""Looks at the store: does it keep what it acknowledged, has it room, does its clock agree?"""

import time
from collections.abc import Mapping
from typing import Any

from edgeward.control.doctor.finding import Finding, fail, ok, warn
from edgeward.store.connection import Store

CLOCK_SECONDS = 1.0
LISTPACK_BYTES = 512
NEARLY_FULL = 0.9


async def examine(store: Store, replicas: int) -> list[Finding]:
    """`replicas`: how many must have a change before it is acknowledged."""
    info = await store.info()
    return [
        _persistence(info, replicas),
        _replication(info, replicas),
        _memory(info),
        await _clock(store),
        *await _packing(store),
    ]


def _persistence(info: Mapping[str, Any], replicas: int) -> Finding:
    if info.get("aof_enabled"):
        return ok("store", "persistence", "changes go to an append-only file")
    if replicas:
        return warn(
            "store",
            "persistence",
            "nothing goes to an append-only file: a power cut of all machines at once loses what was acknowledged",
            "set `appendonly yes` in the server",
        )
    mend = "set `appendonly yes` and `appendfsync always` in the server, or let replicas confirm (store.replicas)"
    return fail("store", "persistence", "what is acknowledged is in memory alone: a restart loses it", mend)


def _replication(info: Mapping[str, Any], replicas: int) -> Finding:
    connected = int(info.get("connected_slaves", 0))
    if connected < replicas:
        said = f"{connected} replicas are connected, and {replicas} must confirm a change: changes are refused"
        return fail("store", "replication", said, "bring the replicas back, or lower store.replicas")
    if not replicas:
        return ok("store", "replication", "no replica is waited for (store.replicas)")
    return ok("store", "replication", f"{connected} replicas are connected, {replicas} must confirm a change")


def _memory(info: Mapping[str, Any]) -> Finding:
    policy, most = str(info.get("maxmemory_policy", "noeviction")), int(info.get("maxmemory", 0))
    used = int(info.get("used_memory", 0))
    if policy != "noeviction":
        said = f"maxmemory-policy is {policy}: a full store drops lists and orders without a word"
        return fail("store", "memory", said, "set `maxmemory-policy noeviction`")
    if most and used > NEARLY_FULL * most:
        said = f"{used / most:.0%} of its memory are used: full, it refuses changes"
        return warn("store", "memory", said, "raise maxmemory, or lower sightings.keep_days")
    return ok("store", "memory", f"{used / 2**20:.0f} MiB are used, and nothing is ever evicted")


async def _clock(store: Store) -> Finding:
    before = time.time()
    seconds, microseconds = await store.redis.time()
    after = time.time()
    theirs = seconds + microseconds / 1e6
    skew = max(before - theirs, theirs - after, 0.0)
    if skew > CLOCK_SECONDS:
        said = f"the clocks of this machine and of the store are {skew:.1f} s apart: times in receipts are off by it"
        return warn("clock", "skew", said, "run an NTP client on both")
    return ok("clock", "skew", "this machine and the store agree")


async def _packing(store: Store) -> list[Finding]:
    """Whether small hashes of the sightings are kept packed. A server may not tell (CONFIG is often forbidden)."""
    limit = await store.setting("hash-max-listpack-value")
    if limit is None or int(limit) >= LISTPACK_BYTES:
        return []
    said = f"hash-max-listpack-value is {limit}: sightings take a third more memory"
    return [warn("store", "packing", said, f"set `hash-max-listpack-value {LISTPACK_BYTES}` in the server")]
