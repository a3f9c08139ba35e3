"""Checks whether all live controllers have the settings that they must share."""

from edgeward.doctor.finding import Finding, fail, warn
from edgeward.operations.services import Services
from edgeward.operations.settings_watch import NAME_FIX

FIX = 'give all controllers the same value (docs/deployment.md, "Settings that all controllers share")'
FIX_ADDRESS = 'one name for each cache, an address that all controllers reach (docs/deployment.md, "Several machines")'


def check_shared_settings(services: Services) -> list[Finding]:
    """A finding for each that differs. Where two may purge different caches under one name, that is a failure."""
    found = []
    if services.orders.controllers.shares_name:
        text = "another live controller has the same name: each takes up what the other has begun, so purges run twice"
        found.append(warn("controller", "name", text, NAME_FIX))
    for each in services.orders.controllers.differing:
        fix = FIX_ADDRESS if each.is_of_networks else FIX
        if each.cache:
            text = f"{each}: purges there count as accepted, not as verified"
            found.append(fail(each.cache, "settings", text, fix))
        else:
            found.append(warn("controller", "settings", str(each), fix))
    return found
