"""The guard of single entries: one that matches many different images is set to monitor by itself.

Variants of one picture (other sizes, formats, small crops) are one image. They are told from different images by the
perceptual hashes of the other types than the entry's own: all that an entry matches is alike by its type. Of the views
only those count that always match: the others have no hashes of other types.

It reads the incidents, so it is no part of a request. Every controller does: what one has counted counts once.

{guard}:position     the last incident that was read
{guard}:images:<id>  hash: of an entry, by image (first half of its SHA-256) its hashes and when it matched, as JSON;
                     one more than guard.entry_images of them at most
"""

import json
import logging
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from edgeward import guard_metrics
from edgeward.background.worker_loop import WorkerLoop
from edgeward.hashing.composite import component_types
from edgeward.hashing.signal_registry import distance
from edgeward.operations.services import Services
from edgeward.operations.waiting import wait_applied
from edgeward.types import ALWAYS_MATCHED, Decision, Entry, Fingerprint, Incident, Mode

logger = logging.getLogger(__name__)

WHO = "edgeward"
"""In the audit trail."""
LOOK_SECONDS = 1.0
RETRY_SECONDS = (1.0, 30.0)
"""Pause after a look that failed: the first, and the longest."""
INCIDENTS_PER_READ = 1000
DAY_SECONDS = 86400.0
KEEP_SECONDS = 2 * 86400
"""How long the images of an entry that matches nothing any more are kept."""
DIFFERENT_BITS: Mapping[str, int] = {"phash": 16, "dhash": 14, "pdq": 75}
"""Two images are different if they differ by more bits than these in each of these types. Variants of one photograph
that one entry matches differ by up to 14, 10 and 50 bits, but for textures; different photographs by 18, 15 and 104 or
more, and mostly by half of all bits."""

type Hashes = Mapping[str, Sequence[str]]
"""Of an image, by type its perceptual hashes in the views that always match."""


class EntryGuard:
    """Watches the incidents, in a controller."""

    def __init__(self, services: Services) -> None:
        self._services, self._store = services, services.store
        # Any: redis-py's types allow for decoded answers too; ours are bytes.
        self._redis: Any = services.store.redis
        self._position = services.store.key("{guard}", "position")
        # By list and entry, images whose sightings were not on record yet at the last look.
        self._again: dict[tuple[str, str], Sequence[str]] = {}
        self._loop = WorkerLoop(
            "the guard of entries",
            self.look,
            metric_label="entry_guard",
            retry_seconds=RETRY_SECONDS,
            pause_seconds=LOOK_SECONDS,
        )

    async def start(self) -> None:
        await self._loop.start()

    async def close(self) -> None:
        await self._loop.close()

    async def look(self) -> None:
        """Read the incidents since the last look. Raises STORE_AWAY."""
        settings = self._services.config.guard
        if not (settings.enabled and settings.entry_images and self._services.replica.ready):
            return
        again, self._again = self._again, {}
        for (list_name, entry_id), images in again.items():
            await self._note(list_name, entry_id, images)
        stored = await self._redis.get(self._position)
        position = stored.decode() if stored else ""
        while True:
            found, position = await self._services.incidents.since(position, INCIDENTS_PER_READ)
            for (list_name, entry_id), images in _blocked(found, self._store.clock.now() - DAY_SECONDS).items():
                if missing := await self._note(list_name, entry_id, images):
                    self._again[list_name, entry_id] = missing
            for list_name, entry_id in {(each.list, each.entry_id) for each in found if each.entry_id}:
                entry = self._services.replica.matcher.entries(list_name).get(entry_id)
                if entry is not None and entry.mode is Mode.MONITOR:
                    await self._services.entry_modes.note_suspended(list_name, entry_id)
            await self._redis.set(self._position, position)
            if len(found) < INCIDENTS_PER_READ:
                return

    async def _note(self, list_name: str, entry_id: str, images: Sequence[str]) -> list[str]:
        """Count the images that an entry has matched, and set it to monitor if they are too many.

        Returns:
            Those that are not on record: their sightings may be on their way.
        """
        entry = self._services.replica.matcher.entries(list_name).get(entry_id)
        if entry is None or entry.mode is not None:
            return []
        key, now = self._store.key("{guard}", "images", entry_id), self._store.clock.now()
        known, limit = await self._known(key, now), self._services.config.guard.entry_images
        unknown = [each for each in images if each[:32] not in known]
        found = await self._services.sightings.images_by_id(unknown)
        for image in found:
            hashes = _hashes(image, entry.signal.type)
            if hashes and len(known) <= limit and all(_differ(hashes, other) for other in known.values()):
                known[image.sha256[:32]] = hashes
                text = json.dumps({"at": now, "hashes": hashes}, separators=(",", ":"))
                await self._redis.hset(key, image.sha256[:32], text)
                await self._redis.expire(key, KEEP_SECONDS)
        if len(known) > limit:
            await self._suspend(entry, len(known))
        on_record = {image.sha256 for image in found}
        return [each for each in unknown if each not in on_record]

    async def _known(self, key: str, now: float) -> dict[str, Hashes]:
        """By image the hashes of those that an entry has matched in the last day. Older ones are removed."""
        stored: Mapping[bytes, bytes] = await self._redis.hgetall(key)
        known: dict[str, Hashes] = {}
        for image, text in stored.items():
            note = json.loads(text)
            if abs(now - note["at"]) > DAY_SECONDS:
                await self._redis.hdel(key, image)
            else:
                known[image.decode()] = note["hashes"]
        return known

    async def _suspend(self, entry: Entry, images: int) -> None:
        why = f"it matched {images} different images within a day: more than guard.entry_images"
        in_batch = entry.id not in self._services.replica.matcher.single_entries(entry.list)
        if change := await self._services.entry_modes.suspend(entry, images, WHO, why, in_batch):
            guard_metrics.entries_to_monitor.inc()
            logger.warning("an entry of the list %r was set to monitor: %s", entry.list, why)
            await wait_applied(self._services.list_store, change.version)


def _blocked(incidents: Sequence[Incident], since: float) -> Mapping[tuple[str, str], Sequence[str]]:
    """By list and entry the images that it has blocked since then (Unix seconds), without those of views that are not
    counted."""
    found: defaultdict[tuple[str, str], dict[str, None]] = defaultdict(dict)
    for each in incidents:
        counts = each.decision is Decision.BLOCK and each.entry_id and each.view in ALWAYS_MATCHED
        if counts and each.at > since:
            found[each.list, each.entry_id][each.sha256] = None
    return {key: list(images) for key, images in found.items()}


def _hashes(image: Fingerprint, entry_type: str) -> Hashes:
    """The hashes of an image by which it is told from others: of other types than an entry's."""
    found, own = defaultdict[str, list[str]](list), component_types(entry_type)
    for signal in image.signals:
        if signal.type in DIFFERENT_BITS and signal.view in ALWAYS_MATCHED and signal.type not in own:
            found[signal.type].append(signal.value)
    return dict(found)


def _differ(one: Hashes, other: Hashes) -> bool:
    """Whether two images are different by each type that both have, and that there is one."""
    types = one.keys() & other.keys()
    return bool(types) and all(
        min(distance(kind, value, known) for value in one[kind] for known in other[kind]) > DIFFERENT_BITS[kind]
        for kind in types
    )
