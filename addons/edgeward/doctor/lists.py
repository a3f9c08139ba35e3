"""Checks the lists: whether anything is enforced and can match, their age, and whether every process applies them."""

from collections import Counter

from edgeward.doctor.finding import Finding, fail, ok, skipped, warn
from edgeward.doctor.processes import RESTART
from edgeward.lists.list_store import ListStore
from edgeward.lists.replication.replica import Replica
from edgeward.matching.matcher import Matcher
from edgeward.quantities import not_heard_from
from edgeward.types import ListKind, Mode

OLD_DAYS = 30.0
DAY_SECONDS = 86400.0
APPLY_SECONDS = 1.0


END_SECONDS = 7 * DAY_SECONDS
"""How long before its end a list is named."""
CHECKS = ("entries", "readable", "types", "ends", "age", "replicas")


async def check_lists(list_store: ListStore, replica: Replica) -> list[Finding]:
    """`replica`: the copy of a running controller. Skipped where it or the store does not have the lists."""
    if why := _why_not_known(replica):
        return [skipped("lists", check, why) for check in CHECKS]
    return [
        _check_entries(replica.matcher),
        _check_readable(replica),
        _check_types(replica.matcher),
        _check_ends(replica.matcher, list_store.clock.now()),
        await _check_age(list_store),
        await _check_replicas(list_store),
    ]


def _why_not_known(replica: Replica) -> str:
    """Why nothing is known of the lists; "" if all is."""
    if replica.loss is not None:
        return "the store lost its data: what it has now are not the lists (see the check of its data)"
    return "" if replica.ready and replica.loaded else "the lists are not loaded yet: run doctor again"


def _check_entries(matcher: Matcher) -> Finding:
    enforced = [each for each in matcher.lists.values() if each.kind is ListKind.BLOCK and each.mode is Mode.ENFORCE]
    entries = sum(len(matcher.entries(each.name)) for each in enforced)
    if not entries:
        fix = "create a list and add images to it: edgeward list create NAME, edgeward add NAME --image FILE"
        return warn("lists", "entries", "no block list in mode enforce has an entry: nothing is blocked", fix)
    return ok("lists", "entries", f"block lists in mode enforce: {len(enforced)}, with {entries} entries in all")


def _check_readable(replica: Replica) -> Finding:
    if reason := replica.unreadable.reason:
        fix = "upgrade Edgeward on this machine" if replica.unreadable.any_later else "list these images again"
        return fail("lists", "readable", reason, fix)
    lists = replica.matcher.lists.values()
    if odd := [f"{each.name} ({', '.join(each.substituted)})" for each in lists if each.substituted]:
        detail = f"lists have a policy that only a later release knows, and block by what it leaves: {', '.join(odd)}"
        return warn("lists", "readable", detail, "upgrade Edgeward on this machine")
    return ok("lists", "readable", "all lists and entries of the store can be read")


def _check_types(matcher: Matcher) -> Finding:
    counts = Counter[str]()
    for (_, signal_type), number in matcher.not_matchable().items():
        counts[signal_type] += number
    if unmatched := ", ".join(f"{number} of type {name}" for name, number in counts.items() if number):
        fix = "add the type, or its component types, to hashing.signals; install it if it is missing (docs/signals.md)"
        detail = f"entries match nothing, because images are not hashed for their type: {unmatched}"
        return warn("lists", "types", detail, fix)
    return ok("lists", "types", "images are hashed for every listed type")


def _check_ends(matcher: Matcher, now: float) -> Finding:
    """Those that have ended, or end soon. One that was turned off by hand before its end is no matter."""
    ends = [each for each in matcher.lists.values() if each.expires_at]
    over = [each.name for each in ends if each.expires_at <= now]
    soon = [
        f"{each.name} in {_duration(each.expires_at - now)}"
        for each in ends
        if now < each.expires_at < now + END_SECONDS and each.mode is not Mode.OFF
    ]
    if not (over or soon):
        return ok("lists", "ends", f"lists that end, not within a week: {len(ends)}" if ends else "no list ends")
    found = [f"have ended and block nothing: {', '.join(over)}"] if over else []
    found += [f"end soon: {', '.join(soon)}"] if soon else []
    fix = "give them a later time (edgeward list set NAME --expires TIME --mode enforce), or delete those that are over"
    return warn("lists", "ends", f"lists {'; lists '.join(found)}", fix)


async def _check_age(list_store: ListStore) -> Finding:
    version = await list_store.version()
    changes = await list_store.changes(version - 1, 1) if version else []
    if not changes:
        return warn("lists", "age", "no list change is on record", "check that your sources are imported")
    seconds = list_store.clock.now() - changes[0].at
    if seconds > OLD_DAYS * DAY_SECONDS:
        fix = "check that your lists are still being updated"
        return warn("lists", "age", f"the lists were last changed {_duration(seconds)} ago", fix)
    return ok("lists", "age", f"the lists were last changed {_duration(seconds)} ago")


def _duration(seconds: float) -> str:
    """In the largest unit of which there are two or more."""
    for unit, size in (("days", DAY_SECONDS), ("hours", 3600.0), ("minutes", 60.0)):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return "one minute" if seconds >= 60 else "less than a minute"


async def _check_replicas(list_store: ListStore) -> Finding:
    # A process that has just reported an older version may be about to apply this one.
    version = await list_store.version()
    late = await list_store.wait_applied(version, APPLY_SECONDS)
    if late:
        fix = "see their logs: a process that can't reach the store keeps using old lists"
        return fail("lists", "replicas", f"{', '.join(late)} have not applied the newest lists", fix)
    if silent := [(each.name, each.seconds) for each in await list_store.membership.silent_replicas()]:
        gone = "mend its network if that is cut off; one whose machine is gone for good: edgeward replicas forget NAME"
        fix = f"{RESTART}; {gone}"
        return fail("lists", "replicas", "; ".join(not_heard_from(silent)), fix)
    present = await list_store.replicas()
    return ok("lists", "replicas", f"all {len(present)} processes have applied version {version}")
