"""What is wrong with a server, as its INFO tells."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from edgeward.store.loading import LoadingProgress

GUIDE = ' (docs/deployment.md, "Your own store")'
MIN_VERSION = (6, 2)
"""The oldest version of Redis with all commands in use (XAUTOCLAIM, ZADD with GT)."""


@dataclass(frozen=True, slots=True)
class StoreProblem:
    """One thing that is wrong with a server.

    Attributes:
        check: what of it: "memory", "disk", "role", "version" or "loading".
        detail, fix: for people.
        evicts: it may drop lists, orders and sightings, or has done so.
        refuses_writes: it takes no changes now.
    """

    check: str
    detail: str
    fix: str
    evicts: bool = False
    refuses_writes: bool = False


def problems_of(info: Mapping[str, Any]) -> list[StoreProblem]:
    """`info`: the answer to INFO, numbers as numbers."""
    found = (_eviction(info), _memory(info), _disk(info), _role(info), _version(info), _loading(info))
    return [problem for problem in found if problem is not None]


def _eviction(info: Mapping[str, Any]) -> StoreProblem | None:
    policy, evicted = str(info.get("maxmemory_policy", "noeviction")), int(info.get("evicted_keys", 0))
    if policy != "noeviction":
        detail = f"maxmemory-policy is {policy}: a full store silently drops lists and orders"
        if evicted:
            detail += f"; it has dropped {evicted} keys since it started"
        return StoreProblem("memory", detail, "set `maxmemory-policy noeviction`" + GUIDE, evicts=True)
    if evicted:
        detail = (
            f"the store has dropped {evicted} keys by eviction since it started: sightings and orders may be missing"
        )
        fix = "list and take down again what was changed meanwhile; a restart of the server sets the count back" + GUIDE
        return StoreProblem("memory", detail, fix, evicts=True)
    return None


def _memory(info: Mapping[str, Any]) -> StoreProblem | None:
    limit, used = int(info.get("maxmemory", 0)), int(info.get("used_memory", 0))
    # With an eviction policy a full store drops keys instead.
    if str(info.get("maxmemory_policy", "noeviction")) != "noeviction" or not limit or used < limit:
        return None
    detail = f"the store is full ({used / 2**20:.0f} of {limit / 2**20:.0f} MiB): it refuses changes"
    return StoreProblem("memory", detail, "raise maxmemory, or lower sightings.keep_days", refuses_writes=True)


def _disk(info: Mapping[str, Any]) -> StoreProblem | None:
    """A server that can't write its files refuses changes (MISCONF)."""
    fix = "free space on its disk, and check the permissions of its directory (CONFIG GET dir)"
    if info.get("aof_enabled") and info.get("aof_last_write_status", "ok") != "ok":
        detail = "the store can't write its append-only file: it refuses changes"
        return StoreProblem("disk", detail, fix, refuses_writes=True)
    if info.get("rdb_last_bgsave_status", "ok") != "ok":
        detail = "the store's last snapshot failed: it may refuse changes (stop-writes-on-bgsave-error)"
        return StoreProblem("disk", detail, fix)
    return None


def _role(info: Mapping[str, Any]) -> StoreProblem | None:
    if info.get("role") != "slave":
        return None
    master = f"{info.get('master_host')}:{info.get('master_port')}"
    detail = f"this server is a replica of {master} (link {info.get('master_link_status')}): it refuses changes"
    fix = "set store.url to the master, or to the sentinels (redis+sentinel://), which know it"
    return StoreProblem("role", detail, fix, refuses_writes=True)


def _version(info: Mapping[str, Any]) -> StoreProblem | None:
    text = str(info.get("redis_version", ""))
    parts = text.split(".")[:2]
    if not all(part.isdigit() for part in parts) or tuple(map(int, parts)) >= MIN_VERSION:
        return None
    needed = ".".join(map(str, MIN_VERSION))
    return StoreProblem("version", f"the server is Redis {text}", f"install Redis {needed} or later, or Valkey")


def _loading(info: Mapping[str, Any]) -> StoreProblem | None:
    if (progress := LoadingProgress.read(info)) is None:
        return None
    return StoreProblem("loading", str(progress), "wait", refuses_writes=True)
