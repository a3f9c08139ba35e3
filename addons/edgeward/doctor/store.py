"""Checks the store: durability, replication, memory and its clock."""

from collections.abc import Mapping
from typing import Any

from edgeward.doctor.clock import check_clock
from edgeward.doctor.finding import Finding, fail, ok, warn
from edgeward.lists.replication.membership import Membership
from edgeward.operations.statements import moment
from edgeward.store.condition import problems_of
from edgeward.store.connection import Store

STEP_SHOWN_SECONDS = 86400.0
"""How long after a step of the store's clock it is told, and that it was restored."""
LISTPACK_BYTES = 512
_GUIDE = ' (docs/deployment.md, "Your own store")'
_REPLICAS_GUIDE = ' (docs/deployment.md, "Store on Sentinel or Cluster")'
NEARLY_FULL = 0.9
"""Share of maxmemory."""


async def check_store(store: Store, replicas: int) -> list[Finding]:
    """`replicas`: how many must confirm a change before it is acknowledged (store.replicas)."""
    info = await store.info()
    return [
        _check_persistence(info, replicas),
        _check_replication(info, replicas),
        *_check_memory(info),
        await check_clock(store),
        await _check_clock_steps(store),
        *await _check_restored(store),
        *await _check_packing(store),
    ]


def _check_persistence(info: Mapping[str, Any], replicas: int) -> Finding:
    if info.get("aof_enabled"):
        return ok("store", "persistence", "changes are written to an append-only file")
    if replicas:
        detail = "changes are not written to an append-only file: a power cut of all machines at once loses them"
        return warn("store", "persistence", detail, "set `appendonly yes` in the server" + _GUIDE)
    fix = "set `appendonly yes` and `appendfsync always` in the server, or let replicas confirm (store.replicas)"
    fix += _GUIDE
    return fail("store", "persistence", "acknowledged changes are in memory only: a restart loses them", fix)


def _check_replication(info: Mapping[str, Any], replicas: int) -> Finding:
    connected = int(info.get("connected_slaves", 0))
    if connected < replicas:
        detail = f"{connected} replicas are connected, and {replicas} must confirm a change: no change is acknowledged"
        return fail(
            "store", "replication", detail, "bring the replicas back, or lower store.replicas" + _REPLICAS_GUIDE
        )
    if not replicas:
        return ok("store", "replication", "no replica needs to confirm a change (store.replicas)")
    return ok("store", "replication", f"{connected} replicas are connected, {replicas} must confirm a change")


def _check_memory(info: Mapping[str, Any]) -> list[Finding]:
    """Memory, and whatever else its INFO says is wrong."""
    found = [fail("store", each.check, each.detail, each.fix) for each in problems_of(info)]
    if any(finding.check == "memory" for finding in found):
        return found
    limit, used = int(info.get("maxmemory", 0)), int(info.get("used_memory", 0))
    if limit and used > NEARLY_FULL * limit:
        detail = f"{used / limit:.0%} of maxmemory are used: a full store refuses changes"
        return [*found, warn("store", "memory", detail, "raise maxmemory, or lower sightings.keep_days")]
    return [*found, ok("store", "memory", f"{used / 2**20:.0f} MiB are used, and nothing is evicted")]


async def _check_clock_steps(store: Store) -> Finding:
    step = await Membership(store).last_clock_step()
    if step is None or store.clock.now() - step[0] > STEP_SHOWN_SECONDS:
        return ok("clock", "steps", "the store's clock was not stepped in the last day")
    detail = f"the store's clock was stepped by {step[1]:+.1f} s at {moment(step[0])}, or another server took over then"
    return warn("clock", "steps", detail, "let the NTP client of the store's servers slew the clock, not step it")


async def _check_restored(store: Store) -> list[Finding]:
    """Whether it came back with an older state within the last day. There is no finding if not."""
    at = await Membership(store).restored_at()
    if at is None or store.clock.now() - at > STEP_SHOWN_SECONDS:
        return []
    detail = f"the store came back with an older state at {moment(at)}: it was restored, or another server took over"
    fix = "see edgeward replicas: those that are silent may still serve; forget those that have ended since"
    return [warn("store", "restored", detail, fix)]


async def _check_packing(store: Store) -> list[Finding]:
    """Whether Redis packs small hashes, as most sightings are. A server may forbid CONFIG: then it is not checked."""
    limit = await store.setting("hash-max-listpack-value")
    if limit is None or int(limit) >= LISTPACK_BYTES:
        return []
    detail = f"hash-max-listpack-value is {limit}: sightings take a third more memory"
    return [warn("store", "packing", detail, f"set `hash-max-listpack-value {LISTPACK_BYTES}` in the server")]
