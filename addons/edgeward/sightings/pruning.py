"""Forgets targets that are too many: those of one image beyond its limits, or a share of all when memory is short.

What is forgotten is remembered as forgotten (forgotten.py), before it is deleted or in the same step.
"""

import asyncio
import random
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from itertools import batched
from typing import Any, NamedTuple

from edgeward import metrics
from edgeward.background.readable_records import readable
from edgeward.sightings.codec import SHA256, image_id
from edgeward.sightings.coded_bodies import CodedBodies
from edgeward.sightings.forgotten import (
    IMAGE_LIMITS,
    ForgottenTargets,
    host_of,
    prefix_and_host,
    prefix_of,
)
from edgeward.sightings.forgotten_scripts import REMEMBER
from edgeward.sightings.images_and_targets import FIELDS_PER_READ, FINGERPRINT, Images
from edgeward.sightings.last_seen import last_seen
from edgeward.sightings.retention import Limits, SeenTarget, beyond_limits, least_valuable_first
from edgeward.sightings.url_index import UrlIndex
from edgeward.store.connection import Store

LIMITS = Limits(path_targets=10_000, path_bytes=1024 * 1024, image_targets=100_000, image_bytes=16 * 1024 * 1024)
"""Of one image. Up to an eighth more may be stored until the image is pruned."""
TARGETS_PER_COMPARISON = 2_000
"""Targets that are compared with each other when a share of all is forgotten."""
IMAGE_BYTES = 300
"""About what an image takes beside its targets."""

# A target that was seen again since it was read stays. Returns the numbers of those that were deleted.
# KEYS: image, its forgotten targets. ARGV: now, keep in ms, limits, number of prefixes; prefix and host of each; then
# field, value, number of its prefix
_FORGET = (
    REMEMBER
    + """
local prefixes, counts, deleted = tonumber(ARGV[5]), {}, {}
for i = 6 + 2 * prefixes, #ARGV, 3 do
  if redis.call('HGET', KEYS[1], ARGV[i]) == ARGV[i + 1] then
    redis.call('HDEL', KEYS[1], ARGV[i])
    local number = tonumber(ARGV[i + 2])
    counts[number] = (counts[number] or 0) + 1
    deleted[#deleted + 1] = (i - 6 - 2 * prefixes) / 3
  end
end
for number, count in pairs(counts) do
  local i = 6 + 2 * number
  remember(KEYS[2], ARGV[1], ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4]), ARGV[i], ARGV[i + 1], count)
end
return deleted
"""
)

# A target that expired needs no memory.
# KEYS: image. ARGV: field, value, field, value...
_EXPIRE = """
for i = 1, #ARGV, 2 do
  if redis.call('HGET', KEYS[1], ARGV[i]) == ARGV[i + 1] then redis.call('HDEL', KEYS[1], ARGV[i]) end
end
"""

# An image that has got more targets since it was read stays.
# KEYS: image, its forgotten targets. ARGV: number of fields
_DELETE = """
if redis.call('HLEN', KEYS[1]) ~= tonumber(ARGV[1]) then return 0 end
redis.call('UNLINK', KEYS[1], KEYS[2])
return 1
"""


class _Page(NamedTuple):
    """Some targets of an image, or all. `fields`: number of fields that were read, the fingerprint among them."""

    image: bytes
    targets: list[SeenTarget]
    fields: int
    has_fingerprint: bool

    @property
    def size(self) -> int:
        return sum(target.size for target in self.targets) + (IMAGE_BYTES if self.has_fingerprint else 0)


class Pruning:
    """Deletes targets and images in the store."""

    def __init__(
        self,
        store: Store,
        images: Images,
        url_index: UrlIndex,
        forgotten: ForgottenTargets,
        coded_bodies: CodedBodies,
    ) -> None:
        self._store, self._images, self._url_index, self._forgotten = store, images, url_index, forgotten
        self._coded_bodies = coded_bodies

    async def prune_image(self, image: bytes) -> int:
        """Delete the image's targets not seen for `keep`, and forget those beyond LIMITS. Returns how many of these."""
        found: dict[bytes, bytes] = {}
        async for _, page in self._images.targets([image]):
            found.update(page)
        expired, live = await asyncio.to_thread(_divide, image, found, self._images.oldest)
        await self._expire(image, expired)
        beyond = await asyncio.to_thread(beyond_limits, live, LIMITS)
        return await self.forget(image, beyond, live) if beyond else 0

    async def forget_share(self, share: float) -> AsyncIterator[int]:
        """Forget so much of all targets (0..1), the least valuable first; yields how many were, step by step.

        An image that loses all its targets is deleted: its hosts are then remembered.
        """
        pages: list[_Page] = []
        number = 0
        async for packed, fields in self._images.all_targets():
            page = await self._page(image_id(packed[SHA256].hex()), fields)
            pages.append(page)
            number += 1 + len(page.targets)
            if number >= TARGETS_PER_COMPARISON:
                yield await self._forget_of(pages, share)
                pages, number = [], 0
        if pages:
            yield await self._forget_of(pages, share)

    async def forget(self, image: bytes, targets: Sequence[SeenTarget], all_targets: Iterable[SeenTarget]) -> int:
        """Forget targets of an image, except those seen again since they were read. Returns how many.

        Args:
            all_targets: those of the image that were read, so that the URL index keeps what is still served.
        """
        deleted: list[SeenTarget] = []
        for some in batched(targets, FIELDS_PER_READ):
            # Before they are deleted: if this process dies in between, too many are remembered rather than too few.
            await self._forgotten.remember_known(each.target for each in some)
            deleted_here = await self._forget_some(image, some)
            here = {each.packed for each in deleted_here}
            await self._forgotten.subtract_known(each.target for each in some if each.packed not in here)
            deleted += deleted_here
        gone = {each.packed for each in deleted}
        kept = {each.url for each in all_targets if each.packed not in gone}
        await self._url_index.remove(image, {each.url for each in deleted}, kept)
        metrics.sightings_dropped.inc(len(deleted))
        return len(deleted)

    async def _forget_some(self, image: bytes, targets: Sequence[SeenTarget]) -> list[SeenTarget]:
        prefixes = {prefix: number for number, prefix in enumerate(dict.fromkeys(prefix_of(t.target) for t in targets))}
        args: list[Any] = [*self._forgotten.limits_as_args(IMAGE_LIMITS), len(prefixes)]
        args += [part for prefix in prefixes for part in prefix_and_host(prefix)]
        args += [part for each in targets for part in (each.packed, each.stored, prefixes[prefix_of(each.target)])]
        keys = [self._images.key(image), self._forgotten.image_key(image)]
        return [targets[number] for number in await self._store.run_even_if_full(_FORGET, keys, args)]

    async def _expire(self, image: bytes, expired: Mapping[bytes, bytes]) -> None:
        for some in batched(expired.items(), FIELDS_PER_READ):
            args = [part for pair in some for part in pair]
            await self._store.run_even_if_full(_EXPIRE, [self._images.key(image)], args)

    async def _page(self, image: bytes, fields: Mapping[bytes, bytes]) -> _Page:
        """Expired targets, and what is left to compare."""
        expired, live = _divide(image, fields, self._images.oldest)
        await self._expire(image, expired)
        return _Page(image, live, len(fields) - len(expired), FINGERPRINT in fields)

    async def _forget_of(self, pages: Sequence[_Page], share: float) -> int:
        goal = share * sum(page.size for page in pages)
        left = Counter(target.image for page in pages for target in page.targets)
        victims: dict[bytes, list[SeenTarget]] = defaultdict(list)
        for target in await asyncio.to_thread(least_valuable_first, [each for page in pages for each in page.targets]):
            if goal <= 0:
                break
            left[target.image] -= 1
            goal -= target.size if left[target.image] else target.size + IMAGE_BYTES
            victims[target.image].append(target)
        forgotten = 0
        for page in pages:
            forgotten += await self._forget_of_page(page, victims[page.image], share)
        return forgotten

    async def _forget_of_page(self, page: _Page, victims: Sequence[SeenTarget], share: float) -> int:
        own = {each.packed for each in page.targets}
        here = [each for each in victims if each.packed in own]
        # An image without targets: nothing tells how valuable its fingerprint is.
        drop = len(here) == len(own) if own else random.random() < share
        if drop and page.has_fingerprint and await self._delete_image(page):
            return len(own)
        return await self.forget(page.image, here, page.targets) if here else 0

    async def _delete_image(self, page: _Page) -> bool:
        """Delete an image of which all fields were read, unless it has got more. Its targets count as lost."""
        lost = dict(await self._forgotten.of_image(page.image))
        for target in page.targets:
            lost[host_of(target.target)] = lost.get(host_of(target.target), 0) + 1
        await self._forgotten.remember_lost(lost)
        keys = [self._images.key(page.image), self._forgotten.image_key(page.image)]
        if not await self._store.run_even_if_full(_DELETE, keys, [page.fields]):
            return False
        await self._coded_bodies.remove_of_image(page.image)
        await self._url_index.remove(page.image, {each.url for each in page.targets}, ())
        metrics.sightings_dropped.inc(len(page.targets))
        return True


def _divide(image: bytes, fields: Mapping[bytes, bytes], oldest: int) -> tuple[dict[bytes, bytes], list[SeenTarget]]:
    """The expired fields, and the live targets."""
    expired = {field: value for field, value in fields.items() if field and last_seen(value) < oldest}
    others = [(field, value) for field, value in fields.items() if field and field not in expired]
    return expired, readable("target", others, lambda other: SeenTarget.read(image, *other))
