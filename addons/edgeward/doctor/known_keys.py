"""What is known of the keys of caches: what purges have found, and what checks of an object tell."""

import math
from collections.abc import Sequence

from edgeward.doctor.cached_object import NOT_MET, NOT_TOLD, STILL_CACHED
from edgeward.doctor.finding import Finding, Health, fail, warn
from edgeward.operations.statements import moment
from edgeward.purging.key_mismatches import KeyMismatches
from edgeward.purging.key_records import KeyMismatch

CHECKS = ("object", "keys", "vary")
"""Checks of a cached object that fail where a copy is left under another key."""


def find_other_key(findings: Sequence[Finding], doubted: bool = False) -> Finding | None:
    """The finding that tells of another key than that of purges. A cache that is down or refuses purges tells nothing.

    Args:
        doubted: an object that a purge does not meet is taken for one under another key.
    """
    for finding in findings:
        left = finding.is_failure and STILL_CACHED in finding.detail
        not_met = doubted and finding.health is Health.WARN and NOT_MET in finding.detail
        if finding.check in CHECKS and (left or not_met):
            return finding
    return None


def is_disproved(findings: Sequence[Finding]) -> bool:
    """Whether an object was stored, and a purge removed it under every key that was tried."""
    is_gone = any(each.check == "object" and each.health is Health.OK for each in findings)
    return is_gone and find_other_key(findings) is None


async def take_back(mismatches: KeyMismatches, cache: str, findings: Sequence[Finding]) -> bool:
    """Take back what checks had found, if these findings disprove it. Returns whether anything was."""
    if not is_disproved(findings):
        return False
    told = not any(NOT_TOLD in each.detail for each in findings)
    return await mismatches.clear(cache, told)


async def apply_findings(mismatches: KeyMismatches, cache: str, findings: Sequence[Finding]) -> None:
    """After a check of a cache by a person: what is disproved is taken back, what is found counts at once, and is
    looked at again soon."""
    await take_back(mismatches, cache, findings)
    if wrong := find_other_key(findings):
        if cache not in await mismatches.all():
            await mismatches.note(cache, KeyMismatch((), wrong.detail, wrong.fix, "check"))
        await mismatches.make_due(cache)


async def check_known_keys(mismatches: KeyMismatches, keep_seconds: float = math.inf) -> list[Finding]:
    """A failure for each cache whose key is known to be another than that of purges, and a warning where it was.

    Args:
        keep_seconds: how long orders are kept that may be in doubt.
    """
    since, found = mismatches.clock.now() - keep_seconds, []
    for name, record in sorted((await mismatches.records()).items()):
        if record.mismatch:
            found.append(fail(name, "key", record.mismatch.detail, record.mismatch.fix))
        elif record.past and record.past_until > since:
            detail = f"until {moment(record.past_until)} its key was another: {record.past.detail}; what purges missed"
            fix = f"empty it, and then say so: edgeward caches emptied {name}"
            found.append(warn(name, "key", f"{detail} then may still be there", fix))
    return found
