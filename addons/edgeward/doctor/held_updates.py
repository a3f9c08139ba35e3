"""Checks whether updates of the lists wait for a second person."""

from edgeward.doctor.finding import Finding, warn
from edgeward.operations import held_updates
from edgeward.operations.services import Services
from edgeward.quantities import counted


async def check_held_updates(services: Services) -> list[Finding]:
    """There is no finding if none waits."""
    if not (count := await held_updates.count(services)):
        return []
    waits = "waits" if count == 1 else "wait"
    detail = f"{counted(count, 'update')} of the lists would block or purge too much, and {waits} for a second person"
    return [
        warn("lists", "held", detail, "look at them (edgeward held), then edgeward approve ID, or edgeward reject ID")
    ]
