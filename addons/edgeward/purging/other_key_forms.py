"""Purges that met nothing although a copy was seen moments ago: they are tried in the other forms of the cache's key.

A cache that has nothing under the key of a purge answers as one that has nothing at all. If the target was just served,
that may mean that the copy is stored under a key with more in it.
"""

import logging
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace

from edgeward import metrics
from edgeward.caches import CacheDriver, Purged
from edgeward.caches.key_fixes import fix_for
from edgeward.caches.key_forms import USUAL_FORMS, KeyForm, forms_of
from edgeward.purging.key_mismatches import KeyMismatches
from edgeward.purging.key_records import KeyMismatch
from edgeward.store.connection import STORE_AWAY
from edgeward.types import Delivery, PurgeOrder, Scope
from edgeward.types.accepted_purges import UNDER_ANOTHER_KEY

logger = logging.getLogger(__name__)

SEEN_SECONDS = 600.0
"""A target that was seen within this time is expected in a cache."""
TRIES_PER_SECOND = 10.0
"""Orders that are tried in all forms. Caches that fetch through others have nothing of most targets, and rightly."""
MAX_TRIES = 50
"""At once."""


class OtherKeyForms:
    """Of one cache."""

    def __init__(self, cache: str, mismatches: KeyMismatches) -> None:
        self._cache, self._mismatches = cache, mismatches
        self._tries, self._tried_at = float(MAX_TRIES), time.monotonic()
        self._known: tuple[str, ...] = ()
        """Headers that this cache is known to have in its key."""
        self._unwritten: KeyMismatch | None = None
        self._doubt_unwritten = False

    async def refresh(self) -> None:
        """Read what is known of this cache's key. What was found while the store was away is written first.

        Raises:
            STORE_AWAY: it is still away.
        """
        await self._write()
        known = (await self._mismatches.all()).get(self._cache)
        self._known = known.headers if known else ()
        metrics.cache_key_mismatch.labels(self._cache).set(known is not None)

    async def purge(self, driver: CacheDriver, orders: Sequence[PurgeOrder], results: Sequence[Purged]) -> list[Purged]:
        """The results, those included of the purges in other forms that seem needed."""
        if not driver.abilities.all_variants:
            # Each variant is purged by itself: another form of a target may be another variant, with its own order.
            return list(results)
        now = self._mismatches.clock.now()
        forms = [self._forms_for(driver, order, result, now) for order, result in zip(orders, results, strict=True)]
        # The same purge goes first once more: what it meets was stored in between, and tells of no other key.
        pairs = [(number, form) for number, wanted in enumerate(forms) if wanted for form in (None, *wanted)]
        others = [_in_form(orders[number], form) for number, form in pairs]
        results, found = list(results), [list[tuple[KeyForm, Purged]]() for _ in orders]
        for (number, form), purged in zip(pairs, await driver.purge(others) if others else (), strict=True):
            if form is not None:
                found[number].append((form, purged))
            elif purged.count:
                results[number] = replace(results[number], count=purged.count + (results[number].count or 0))
                forms[number] = ()
        found = [of_order if wanted else [] for of_order, wanted in zip(found, forms, strict=True)]
        await self._note(driver.name, found)
        return [self._result(result, of_order) for result, of_order in zip(results, found, strict=True)]

    def _forms_for(self, driver: CacheDriver, order: PurgeOrder, result: Purged, now: float) -> Sequence[KeyForm]:
        if order.scope is not Scope.TARGET or result.delivery not in (Delivery.VERIFIED, Delivery.DELIVERED):
            return ()
        met_none = result.count == 0 and not result.unanswered
        doubted = met_none and now - order.seen_at < SEEN_SECONDS and self._may_try()
        if not driver.abilities.sends_headers:
            # Each form would be the same purge again: what it met was stored in between.
            self._doubt_unwritten |= doubted and not self._known
            return ()
        # A header that Vary names has variants, which have orders of their own: no form of it is one of the key.
        varying = {name.lower() for name, _ in order.target.vary}
        return [form for form in (USUAL_FORMS if doubted else forms_of(self._known)) if form.header not in varying]

    def _may_try(self) -> bool:
        now = time.monotonic()
        self._tries = min(MAX_TRIES, self._tries + (now - self._tried_at) * TRIES_PER_SECOND)
        self._tried_at = now
        if self._tries < 1:
            return False
        self._tries -= 1
        return True

    async def _note(self, driver: str, found: Sequence[Sequence[tuple[KeyForm, Purged]]]) -> None:
        """A copy that was met in another form is one that the purge itself had missed."""
        met = {form.header for of_order in found for form, purged in of_order if purged.count}
        if not met:
            self._doubt_unwritten |= any(found) and not self._known
            await self._write_if_there()
            return
        known = tuple(sorted({*self._known, *met}))
        fix = fix_for(driver, known)
        if known != self._known:
            names = " and ".join(known)
            logger.error("cache %s has copies under keys that purges do not have (%s): %s", self._cache, names, fix)
        self._known = known
        detail = f"its key does not match: copies were found for clients with another {' or '.join(known)}"
        self._unwritten = KeyMismatch(known, detail, fix, "purge")
        metrics.cache_key_mismatch.labels(self._cache).set(1)
        await self._write_if_there()

    async def _write_if_there(self) -> None:
        """The results of these purges do not depend on the store: without it, the next `refresh` writes."""
        with suppress(*STORE_AWAY):
            await self._write()

    async def _write(self) -> None:
        """Write what was found and is not in the store yet."""
        if self._doubt_unwritten:
            await self._mismatches.doubt(self._cache)
            self._doubt_unwritten = False
        if (mismatch := self._unwritten) is not None:
            await self._mismatches.note(self._cache, mismatch)
            # Another purge may have found more meanwhile.
            if self._unwritten is mismatch:
                self._unwritten = None

    def _result(self, result: Purged, found: Sequence[tuple[KeyForm, Purged]]) -> Purged:
        """The result of an order, of which these purges were sent in other forms."""
        met = _copies(found)
        waiting = next((purged for _, purged in found if purged.delivery is Delivery.WAITING), None)
        if waiting:
            return replace(waiting, count=(met + (result.count or 0)) or None)
        if not found or not (met or self._known):
            return result
        count = met + (result.count or 0) if met else result.count
        return replace(result, delivery=Delivery.DELIVERED, detail=UNDER_ANOTHER_KEY, count=count)


def _in_form(order: PurgeOrder, form: KeyForm | None) -> PurgeOrder:
    return order if form is None else replace(order, target=form.of(order.target))


def _copies(found: Sequence[tuple[KeyForm, Purged]]) -> int:
    """How many copies were met at least: two forms of a header may have one key, and then count the same copy."""
    by_header: dict[str, int] = {}
    for form, purged in found:
        by_header[form.header] = max(by_header.get(form.header, 0), purged.count or 0)
    return sum(by_header.values())
