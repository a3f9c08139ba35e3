"""Looks at the lists: are they loaded, is anything enforced, how old are they, does every process act on them?"""

import time
from collections import Counter

from edgeward.control.doctor.finding import Finding, fail, ok, warn
from edgeward.control.services import Services
from edgeward.types import Kind, Mode

OLD_DAYS = 30.0
DAY = 86400.0


async def examine(within: Services) -> list[Finding]:
    return [_enforced(within), _matchable(within), await _age(within), await _replicas(within)]


def _enforced(within: Services) -> Finding:
    matcher = within.replica.matcher
    enforced = [each for each in matcher.lists.values() if each.kind is Kind.BLOCK and each.mode is Mode.ENFORCE]
    entries = sum(len(matcher.entries(each.name)) for each in enforced)
    if not entries:
        mend = "create a list and add what was removed: edgeward list create NAME, edgeward add NAME --image FILE"
        return warn("lists", "entries", "no list is enforced, or none has an entry: nothing is blocked", mend)
    return ok("lists", "entries", f"{entries} entries on {len(enforced)} enforced lists")


def _matchable(within: Services) -> Finding:
    waiting = Counter[str]()
    for (_, kind), number in within.replica.matcher.not_matchable().items():
        waiting[kind] += number
    if said := ", ".join(f"{number} of type {kind}" for kind, number in waiting.items() if number):
        mend = "name the type in hashing.signals, or what it is made of; install it if it is missing (docs/signals.md)"
        return warn("lists", "types", f"entries match nothing, as images have no such signal: {said}", mend)
    return ok("lists", "types", "images have a signal of every type that is listed")


async def _age(within: Services) -> Finding:
    version = await within.catalogue.version()
    changes = await within.catalogue.changes(version - 1, 1) if version else []
    if not changes:
        return warn("lists", "age", "no change of the lists is on record", "see that your sources are imported")
    days = (time.time() - changes[0].at) / DAY
    if days > OLD_DAYS:
        mend = "see that whoever updates the lists still does"
        return warn("lists", "age", f"the last change of the lists is {days:.0f} days old", mend)
    return ok("lists", "age", f"the last change of the lists is {days * 24:.1f} hours old")


async def _replicas(within: Services) -> Finding:
    version = await within.catalogue.version()
    late = await within.catalogue.wait_applied(version, 1.0)
    if late:
        mend = "see their logs: a process that can't reach the store goes on with old lists"
        return fail("lists", "replicas", f"{', '.join(late)} do not act on the newest lists", mend)
    present = await within.catalogue.replicas()
    return ok("lists", "replicas", f"all {len(present)} processes act on version {version}")
