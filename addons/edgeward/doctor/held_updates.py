"""Checks whether updates of the lists wait for a second person, or entries that were set to monitor for any."""

from edgeward.doctor.finding import Finding, warn
from edgeward.operations import held_updates
from edgeward.operations.services import Services
from edgeward.quantities import counted

MAX_NAMED = 5
"""Entries that a finding names at most."""


async def check_held_updates(services: Services) -> list[Finding]:
    """There is no finding if nothing waits."""
    found = []
    if count := await held_updates.count(services):
        waits = "waits" if count == 1 else "wait"
        detail = (
            f"{counted(count, 'update')} of the lists would block or purge too much, and {waits} for a second person"
        )
        fix = "look at them (edgeward held), then edgeward approve ID, or edgeward reject ID"
        found.append(warn("lists", "held", detail, fix))
    if suspended := await services.entry_modes.suspended():
        names = ", ".join(f"{each.entry.id} ({each.entry.list})" for each in suspended[:MAX_NAMED])
        detail = (
            f"{counted(len(suspended), 'entry', 'entries')} matched too many different images: blocks nothing: {names}"
        )
        fix = "look at them (edgeward suspended), then edgeward confirm ID, or edgeward remove LIST ID"
        found.append(warn("lists", "suspended", detail, fix))
    return found
