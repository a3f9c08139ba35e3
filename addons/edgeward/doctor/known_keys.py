"""What purges have found out about the keys of caches. A check of doctor itself tries one object only."""

from edgeward.doctor.finding import Finding, fail
from edgeward.purging.key_mismatches import KeyMismatches


async def check_known_keys(mismatches: KeyMismatches) -> list[Finding]:
    """A failure for each cache of which something is known."""
    return [fail(name, "key", each.detail, each.fix) for name, each in sorted((await mismatches.all()).items())]
