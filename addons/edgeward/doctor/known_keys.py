"""What is known of the keys of caches: what purges have found, and what checks of an object tell."""

from collections.abc import Sequence

from edgeward.doctor.cached_object import NOT_MET, NOT_TOLD, STILL_CACHED
from edgeward.doctor.finding import Finding, Health, fail
from edgeward.purging.key_mismatches import KeyMismatches

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
    """After a check of a cache by a person: what is disproved is taken back, what is found is looked at soon."""
    await take_back(mismatches, cache, findings)
    if find_other_key(findings):
        await mismatches.make_due(cache)


async def check_known_keys(mismatches: KeyMismatches) -> list[Finding]:
    """A failure for each cache of which something is known."""
    return [fail(name, "key", each.detail, each.fix) for name, each in sorted((await mismatches.all()).items())]
