"""Replicas: the processes that hold the lists, and those that are not heard from any more."""

from collections.abc import Sequence
from dataclasses import dataclass

from edgeward.errors import Conflict, NotFound
from edgeward.lists.replication.membership import Member, MemberState
from edgeward.operations.services import Services


@dataclass(frozen=True, slots=True)
class ReplicaStatus:
    """All processes on record, and the version of the lists that the store has."""

    version: int
    members: Sequence[Member]


async def status(services: Services) -> ReplicaStatus:
    """Which processes hold the lists, and which version each reported last."""
    members = await services.list_store.membership.members()
    return ReplicaStatus(await services.list_store.version(), members)


async def forget(services: Services, name: str, who: str, why: str) -> list[str]:
    """Forget a process that is not heard from, or all such processes of a machine, on the caller's word that it serves
    nothing any more. Returns their names. One that comes back is on record again, before it serves.

    Args:
        name: of a process, or of its machine: what stands before the first "/".

    Raises:
        NotFound: nothing of that name is on record.
        Conflict: it is live.
    """
    membership = services.list_store.membership
    members = [each for each in await membership.members() if name in (each.id, each.id.partition("/")[0])]
    if not members:
        raise NotFound(f"no process or machine on record is named {name!r}")
    gone = [each.id for each in members if each.state is not MemberState.LIVE]
    if gone:
        await services.audit_trail.note("replica.forget", who, why, name=name, processes=", ".join(gone))
        gone = await membership.forget(gone)
        for machine in sorted({each.partition("/")[0] for each in gone if each.split("/")[1:2] == ["controller"]}):
            await services.orders.controllers.forget_silent(machine)
    if not gone:
        raise Conflict(f"{name}: it is live, heard from {min(each.age for each in members):.1f} s ago; stop it first")
    return gone
