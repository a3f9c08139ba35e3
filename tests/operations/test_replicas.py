"""Which processes hold the lists, and forgetting one that is gone."""

import pytest

from edgeward.errors import Conflict, NotFound
from edgeward.lists.replication import membership
from edgeward.lists.replication.membership import Membership, MemberState
from edgeward.operations import replicas
from edgeward.operations.services import Services


async def test_a_silent_process_is_forgotten(services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    """By its name, or with all silent ones of its machine; each time with a line in the audit trail."""
    members = Membership(services.store)
    for name in ("edge1/proxy/1#a", "edge2/proxy/1#a", "edge2/proxy/2#a", "edge20/proxy/1#a"):
        await members.heartbeat(name, 0)
    monkeypatch.setattr(membership, "LEASE_SECONDS", -1.0)
    assert await replicas.forget(services, "edge1/proxy/1#a", "ana", "broken") == ["edge1/proxy/1#a"]
    assert await replicas.forget(services, "edge2", "ana", "sold") == ["edge2/proxy/1#a", "edge2/proxy/2#a"]
    found = {each.id: each.state for each in (await replicas.status(services)).members}
    assert found.pop("edge20/proxy/1#a") is MemberState.SILENT
    noted = [(each.op, each.who, each.why, each.about) for each in await services.audit_trail.latest(2)]
    assert noted[1] == (
        "replica.forget", "ana", "broken", {"name": "edge1/proxy/1#a", "processes": "edge1/proxy/1#a"}
    )  # fmt: skip
    assert noted[0][3] == {"name": "edge2", "processes": "edge2/proxy/1#a, edge2/proxy/2#a"}


async def test_a_live_process_is_not_forgotten(services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither alone nor with its machine; and none that does not exist."""
    monkeypatch.setattr(membership, "LEASE_SECONDS", 600.0)
    await Membership(services.store).heartbeat("edge1/proxy/1#a", 0)
    for name in ("edge1/proxy/1#a", "edge1"):
        with pytest.raises(Conflict, match="it is live, heard from"):
            await replicas.forget(services, name, "ana", "")
    for name in ("edge", "", "edge1/proxy"):
        with pytest.raises(NotFound, match="no process or machine"):
            await replicas.forget(services, name, "ana", "")
    assert await services.audit_trail.latest(1) == []
