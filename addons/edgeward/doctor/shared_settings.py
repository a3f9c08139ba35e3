"""Checks whether all live controllers have the settings that they must share."""

from edgeward.doctor.finding import Finding, fail, warn
from edgeward.operations.services import Services

FIX = 'give all controllers the same value (docs/deployment.md, "Settings that all controllers share")'


def check_shared_settings(services: Services) -> list[Finding]:
    """A finding for each that differs. Where two may purge different caches under one name, that is a failure."""
    return [
        fail(each.cache, "settings", f"{each}: purges there count as accepted, not as verified", FIX)
        if each.cache
        else warn("controller", "settings", str(each), FIX)
        for each in services.orders.controllers.differing
    ]
