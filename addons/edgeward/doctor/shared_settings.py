"""Checks whether all live controllers have the settings that they must share."""

from edgeward.doctor.finding import Finding, fail, warn
from edgeward.operations.services import Services

FIX = 'give all controllers the same value (docs/deployment.md, "Settings that all controllers share")'
FIX_ADDRESS = 'one name for each cache, an address that all controllers reach (docs/deployment.md, "Several machines")'


def check_shared_settings(services: Services) -> list[Finding]:
    """A finding for each that differs. Where two may purge different caches under one name, that is a failure."""
    found = []
    for each in services.orders.controllers.differing:
        fix = FIX_ADDRESS if each.is_of_networks else FIX
        if each.cache:
            text = f"{each}: purges there count as accepted, not as verified"
            found.append(fail(each.cache, "settings", text, fix))
        else:
            found.append(warn("controller", "settings", str(each), fix))
    return found
