"""An entry that matches many different images, and one that matches many variants of one picture."""

import hashlib
import io
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image, ImageDraw, ImageEnhance
from tests.hashing.pictures import encoded, photograph
from tests.operations.guarded import guarded
from tests.support.eventually import eventually
from tests.support.seen_images import see

from edgeward.hashing.fingerprint import fingerprint
from edgeward.incidents import Incidents
from edgeward.operations import entries, imports, lists, suspensions, undo
from edgeward.operations.entry_guard import EntryGuard
from edgeward.operations.import_requests import ImportRequest
from edgeward.operations.services import Services
from edgeward.settings.config import HashingSettings
from edgeward.store.connection import Store
from edgeward.types import (
    Decision,
    Entry,
    Fingerprint,
    HashList,
    Incident,
    Mode,
    Reason,
    Signal,
    Target,
    Verdict,
    View,
)

LIMIT = 5
PHOTOGRAPHS = ("astronaut", "camera", "coffee", "chelsea", "rocket", "moon", "coins", "text")
PDQ, PHASH, MD5 = Signal("pdq", "0f" * 32, 100), Signal("phash", "0f" * 8), Signal("md5", "0" * 32)


def hashed(picture: Image.Image, **options: int) -> Fingerprint:
    return fingerprint(encoded(picture, "JPEG", **options), HashingSettings())


def variants(picture: Image.Image) -> Iterator[Fingerprint]:
    """One picture in other qualities and sizes, cut at its edges, brighter, and with a bar."""
    width, height = picture.size
    yield from (hashed(picture, quality=quality) for quality in (30, 50, 70, 90))
    yield from (hashed(picture.resize((width * part // 10, height * part // 10))) for part in (4, 6, 8, 15))
    for cut in (2, 4, 6):
        yield hashed(picture.crop((cut, cut, width - cut, height - cut)))
    yield from (hashed(ImageEnhance.Brightness(picture).enhance(factor)) for factor in (0.8, 1.2))
    barred = picture.copy()
    ImageDraw.Draw(barred).rectangle((0, height - height // 20, width, height), fill=(0, 0, 0))
    yield hashed(barred)


def drawings() -> Iterator[Fingerprint]:
    """Different drawings, each with shapes of its own."""
    for seed in range(8):
        drawn = Image.new("RGB", (256, 256), (250, 250, 250))
        pen = ImageDraw.Draw(drawn)
        for number in range(9):
            left, top = (seed * 67 + number * 53) % 190, (seed * 101 + number * number * 31) % 190
            pen.ellipse((left, top, left + 40 + 9 * (seed % 4), top + 60), fill=(25 * number, 30 * seed, 90))
        yield hashed(drawn)


@pytest.fixture
async def services(store: Store, tmp_path: Path) -> AsyncIterator[Services]:
    async with guarded(store, tmp_path, {"entry_images": LIMIT}) as running:
        await lists.create(running, HashList("a"), "ana", "")
        await entries.add(running, "a", [PDQ, PHASH, MD5], "ana", "order 17")
        yield running


async def match(
    services: Services, guard: EntryGuard, signal: Signal, *images: Fingerprint, **changed: object
) -> Mode | None:
    """Report that the entry of this signal has blocked these images, and return its mode after a look."""
    await see(services, *images)
    incidents = [
        Incident(
            at=time.time(),
            decision=Decision.BLOCK,
            reason=Reason.MATCH,
            target=Target("http", "photos.example", f"/{each.sha256}"),
            sha256=each.sha256,
            list="a",
            entry_id=Entry("a", signal).id,
            signal_type=signal.type,
            distance=9,
        )
        for each in images
    ]
    await Incidents(services.store).add([replace(each, **changed) for each in incidents])  # type: ignore[arg-type]
    await guard.look()
    return services.replica.matcher.entries("a")[Entry("a", signal).id].mode


@pytest.mark.parametrize("signal", [PDQ, PHASH], ids=["pdq", "phash"])
async def test_different_images_set_an_entry_to_monitor(services: Services, signal: Signal) -> None:
    """Photographs, or drawings; with one more than the limit, and not before. It is acted on everywhere at once."""
    guard = EntryGuard(services)
    photographs = [hashed(photograph(name)) for name in PHOTOGRAPHS]
    assert await match(services, guard, signal, *photographs[:LIMIT]) is None
    assert await match(services, guard, signal, *photographs[:LIMIT]) is None
    assert await match(services, guard, signal, photographs[LIMIT]) is Mode.MONITOR
    (waiting,) = await suspensions.index(services)
    assert (waiting.entry.signal.type, waiting.images) == (signal.type, LIMIT + 1)
    last = (await services.list_store.changes(0))[-1]
    assert (last.who, last.why) == (
        "edgeward",
        "it matched 6 different images within a day: more than guard.entry_images",
    )


async def test_drawings_are_different_images(services: Services) -> None:
    """As photographs are."""
    assert await match(services, EntryGuard(services), PDQ, *drawings()) is Mode.MONITOR


@pytest.mark.parametrize("name", PHOTOGRAPHS)
async def test_variants_of_one_picture_are_one_image(services: Services, name: str) -> None:
    """However many there are: a listed picture that is popular goes on being blocked."""
    guard, made = EntryGuard(services), list(variants(photograph(name)))
    assert len({each.sha256 for each in made}) == len(made) > 2 * LIMIT
    assert [await match(services, guard, each, *made) for each in (PDQ, PHASH, MD5)] == [None] * 3


async def test_what_does_not_count(services: Services) -> None:
    """Matches that do not block, those of other views, those of long ago, and images without hashes of other types."""
    guard, photographs = EntryGuard(services), [hashed(photograph(name)) for name in PHOTOGRAPHS]
    assert await match(services, guard, PDQ, *photographs, decision=Decision.DELIVER) is None
    assert await match(services, guard, PDQ, *photographs, view=View.GEOMETRY) is None
    assert await match(services, guard, PDQ, *photographs, at=time.time() - 2 * 86400) is None
    digests = [replace(each, signals=each.signals[:3], sha256=each.sha256[::-1]) for each in photographs]
    assert await match(services, guard, PDQ, *digests) is None


async def test_a_match_is_counted_though_its_sighting_comes_later(services: Services) -> None:
    """The image is looked for once more."""
    guard, photographs = EntryGuard(services), [hashed(photograph(name)) for name in PHOTOGRAPHS]
    assert await match(services, guard, PDQ, *photographs[:LIMIT]) is None
    late = photographs[LIMIT]
    incident = Incident(
        time.time(),
        Decision.BLOCK,
        Reason.MATCH,
        Target("http", "h", "/"),
        late.sha256,
        "a",
        Entry("a", PDQ).id,
        "pdq",
        9,
    )
    await Incidents(services.store).add([incident])
    await guard.look()
    await see(services, late)
    await guard.look()
    assert services.replica.matcher.entries("a")[Entry("a", PDQ).id].mode is Mode.MONITOR


async def test_a_suspended_entry_blocks_nothing_until_it_is_confirmed(services: Services) -> None:
    """It is reported as one of a list in mode monitor. Confirmed, it blocks for good, and what it matches is purged."""
    guard, photographs = EntryGuard(services), [hashed(photograph(name)) for name in PHOTOGRAPHS]
    image = replace(photographs[0], signals=(*photographs[0].signals, MD5, PDQ))

    def verdict() -> Verdict:
        return services.replica.matcher.verdict(replace(image, signals=(PDQ,)))

    assert verdict().blocks
    await match(services, guard, PDQ, *photographs)
    assert (verdict().blocks, verdict().reason) == (False, Reason.MONITORED)
    assert services.replica.matcher.verdict(image).blocks  # by another entry
    await see(services, image)
    confirmed = await suspensions.confirm(services, Entry("a", PDQ).id, "bo", "right")
    assert (verdict().blocks, confirmed.entry.mode) == (True, Mode.ENFORCE)

    async def is_purged() -> bool:
        return bool(await services.retromatch.orders_of(confirmed.change.version))

    await eventually(is_purged)
    again = [hashed(photograph(name), quality=33) for name in PHOTOGRAPHS]
    assert await match(services, guard, PDQ, *again) is Mode.ENFORCE


async def test_a_suspension_that_the_store_has_lost_is_noted_again(services: Services) -> None:
    """When the entry, which a process has written back, matches next."""
    guard, photographs = EntryGuard(services), [hashed(photograph(name)) for name in PHOTOGRAPHS]
    await match(services, guard, PDQ, *photographs)
    await services.store.redis.delete(services.store.key("{blocklist}", "suspended"))
    assert await suspensions.index(services) == []
    await match(services, guard, PDQ, photographs[0], decision=Decision.DELIVER, reason=Reason.MONITORED)
    assert [each.entry.id for each in await suspensions.index(services)] == [Entry("a", PDQ).id]


async def test_an_entry_of_a_long_import_is_suspended_by_itself(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The others of its batch go on blocking. It can be confirmed, and an undo of the import takes off both."""
    monkeypatch.setattr(imports, "BATCH_ROWS", 2)
    listed, other = (Signal("pdq", hashlib.sha256(text).hexdigest()) for text in (b"one", b"other"))
    body = f"pdq:{listed.value}\npdq:{other.value}\n".encode()
    result = await imports.create(services, ImportRequest("a", io.BytesIO(body), "text"), "ana", 30.0)
    assert result.status is not None and result.status.job.is_batch
    guard, photographs = EntryGuard(services), [hashed(photograph(name)) for name in PHOTOGRAPHS]
    assert await match(services, guard, listed, *photographs) is Mode.MONITOR

    def blocks(signal: Signal) -> bool:
        return services.replica.matcher.verdict(Fingerprint("ab" * 32, "", 9, (signal,))).blocks

    assert (blocks(listed), blocks(other)) == (False, True)
    await suspensions.confirm(services, Entry("a", listed).id, "bo", "")
    assert (blocks(listed), blocks(other)) == (True, True)
    await undo.undo(services, result.status.job.id, "ana", "")
    assert (blocks(listed), blocks(other)) == (False, False)
    assert Entry("a", listed).id not in services.replica.matcher.entries("a")
