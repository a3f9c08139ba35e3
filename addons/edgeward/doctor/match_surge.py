"""Checks whether one entry makes an unusual number of matches, and names it."""

from collections import Counter, defaultdict
from collections.abc import Sequence

from edgeward.doctor.finding import Finding, warn
from edgeward.incidents import Incidents
from edgeward.types import Incident

WINDOW_SECONDS = 600.0
READ_INCIDENTS = 1000
MIN_IMAGES = 20
"""Different images that one entry matched within the window, from which on it is worth a look."""
SHARE = 0.5
"""Of all images matched within the window."""


async def check_match_surge(incidents: Incidents) -> list[Finding]:
    """An entry that suddenly matches many different images is often a wrong one: a blank picture, a logo, a frame.

    There is no finding if none does.
    """
    since = incidents.clock.now() - WINDOW_SECONDS
    recent = [each for each in await incidents.recent(READ_INCIDENTS) if each.entry_id and each.at > since]
    entry_id, images = _largest(recent)
    total = len({each.sha256 for each in recent})
    if images < MIN_IMAGES or images < SHARE * total:
        return []
    hash_list = next(each.list for each in recent if each.entry_id == entry_id)
    detail = f"entry {entry_id} on the list {hash_list!r} matched {images} different images within 10 minutes"
    fix = f"look at them (edgeward incidents); if it is wrong: edgeward remove {hash_list} {entry_id}"
    return [warn("lists", "surge", f"{detail}, of {total} matched in all", fix)]


def _largest(incidents: Sequence[Incident]) -> tuple[str, int]:
    """The entry that matched the most different images, and how many; ("", 0) without a match."""
    images = defaultdict[str, set[str]](set)
    for each in incidents:
        images[each.entry_id].add(each.sha256)
    counts = Counter({entry_id: len(found) for entry_id, found in images.items()})
    return counts.most_common(1)[0] if counts else ("", 0)
