"""File descriptors: how many this process may have, and how many connections that allows."""

import resource

MAX_DESCRIPTORS = 1024 * 1024
"""More are not asked for: some limits are a thousand times that, and programs make tables of their size."""
RESERVED = 200
"""Of one process, for what is not a client (the store, hashers, files, caches, origins), and for connections that are
accepted together, before the oldest are closed: the backlog of a listening socket."""


def raise_descriptor_limit() -> int:
    """Raise the soft limit of this process to its hard limit, and return it. Programs that it starts inherit it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MAX_DESCRIPTORS if hard == resource.RLIM_INFINITY else min(hard, MAX_DESCRIPTORS)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]


def connections_allowed(wanted: int, each: int) -> int:
    """How many of the `wanted` connections the limit of descriptors allows, at least 1. `each`: descriptors of one."""
    soft = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    if soft == resource.RLIM_INFINITY:
        return wanted
    return max(1, min(wanted, (soft - RESERVED) // each))
