"""The search for images near rows of batches, in both directions."""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.support.batches import written_batch
from tests.support.real_caches import image

from edgeward.hashing.signal_registry import distance, has_distance
from edgeward.matching.batches.batch_files import BatchFiles
from edgeward.matching.batches.batch_index import BatchIndex
from edgeward.retromatch import search_cost
from edgeward.retromatch.row_search import Position, RowSearch
from edgeward.retromatch.row_sets import RowSet, all_rows
from edgeward.retromatch.search_scope import SearchExtent
from edgeward.retromatch.seen_image_index import SeenImageIndex
from edgeward.sightings.codec import pack_fingerprint
from edgeward.types import ALWAYS_MATCHED, Entry, Fingerprint, RowRef, Signal, View

SIZES = {"pdq": 32, "phash": 8, "md5": 16, "sha256": 32}
TURNED = ALWAYS_MATCHED | {View.DIHEDRAL}
EXTENTS = {
    "pdq": SearchExtent(31, TURNED),
    "phash": SearchExtent(6),
    "md5": SearchExtent(0),
    "sha256": SearchExtent(0),
    "pdq-dhash": SearchExtent(72),
}


@dataclass
class World:
    """Images seen, and a list of two batches."""

    images: Sequence[Fingerprint]
    seen: SeenImageIndex
    index: BatchIndex
    entries: Sequence[Entry]

    def search(self, sets: Sequence[RowSet] | None = None, extents: Mapping[str, SearchExtent] = EXTENTS) -> RowSearch:
        return RowSearch(lambda: self.seen, self.index, all_rows(self.index) if sets is None else sets, extents)


def signal_near(chance: random.Random, signal: Signal, bits: int) -> Signal:
    size = len(signal.value) * 4
    flipped = sum(1 << bit for bit in chance.sample(range(size), bits))
    return Signal(signal.type, f"{int(signal.value, 16) ^ flipped:0{size // 4}x}", signal.quality)


def world(directory: Path, seed: int = 1, images: int = 60, entries: int = 120) -> World:
    """Some entries are near signals of images, at distances about the radius; views and types are mixed."""
    chance = random.Random(seed)
    views = (View.STORED, View.SHOWN, View.DIHEDRAL, View.GEOMETRY)

    def some_signal() -> Signal:
        kind = chance.choice(("pdq", "phash", "md5"))
        value = chance.randbytes(SIZES[kind]).hex()
        return Signal(
            kind, value, 90 if kind == "pdq" else None, chance.choice(views) if kind == "pdq" else View.STORED
        )

    seen = [image(f"{seed}-{number}", some_signal(), some_signal()) for number in range(images)]
    listed = [Signal(each.type, each.value, each.quality) for each in (some_signal() for _ in range(entries))]
    for fingerprint in seen[::2]:
        of_image = chance.choice(fingerprint.signals)
        bits = chance.choice((0, 5, 6, 7, 31, 32)) if has_distance(of_image.type) else 0
        listed.append(signal_near(chance, of_image, bits))
    made = [Entry("bad", signal) for signal in listed]
    chance.shuffle(made)
    files, half = BatchFiles(directory), len(made) // 2
    batches = [
        written_batch(files, made[:half], version=1, by="ann", at=1.0),
        written_batch(files, made[half:], version=2, by="ann", at=1.0),
    ]
    index, packed = BatchIndex("bad"), SeenImageIndex()
    index.fold(batches, {}, files)
    packed.add([pack_fingerprint(each) for each in seen])
    return World(seen, packed, index, made)


def expected(of: World, entries: Sequence[Entry]) -> set[str]:
    """The ids of the images that are near one of the entries, by comparing all."""
    return {each.sha256[:32] for each in of.images if any(is_match(each, entry.signal) for entry in entries)}


def is_match(fingerprint: Fingerprint, listed: Signal) -> bool:
    radius, views = EXTENTS[listed.type]
    of_type = [each for each in fingerprint.signals if each.type == listed.type and each.view in views]
    if not has_distance(listed.type):
        return any(each.value == listed.value for each in of_type)
    return any(distance(listed.type, each.value, listed.value) <= radius for each in of_type)


async def found(search: RowSearch, done: str = "") -> tuple[set[str], list[str]]:
    images, steps = set[str](), list[str]()
    async for step, some in search.steps(done):
        images |= some
        steps.append(step)
    return images, steps


@pytest.fixture(params=["rows", "images"])
def direction(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """One direction is always the cheaper one, where there are two; steps are short."""
    by_images = request.param == "images"
    monkeypatch.setattr(search_cost, "by_images", lambda *_: 0.0 if by_images else 2.0)
    monkeypatch.setattr(search_cost, "by_rows", lambda *_: 1.0)
    monkeypatch.setattr(search_cost, "rows_per_step", lambda _: 20)
    monkeypatch.setattr(search_cost, "images_per_step", lambda *_: 20)
    monkeypatch.setattr(search_cost, "MAX_ROWS", 20)
    return str(request.param)


@pytest.mark.parametrize("seed", range(4))
async def test_finds_what_comparing_all_finds(tmp_path: Path, seed: int, direction: str) -> None:
    """Of all types and views, at any distance, in either direction."""
    made = world(tmp_path, seed)
    images, steps = await found(made.search())
    assert images == expected(made, made.entries)
    assert len(images) > 5
    assert sum(f":{direction}:" in step for step in steps) > 2


async def test_only_the_rows_that_are_asked_for(tmp_path: Path, direction: str) -> None:
    """Those of other batches find nothing; nor do types that are not to be searched."""
    made = world(tmp_path)
    first, second = all_rows(made.index)
    entries = [made.index.row(RowRef(second.batch.id, row))[1] for row in range(second.batch.rows)]
    search = made.search([second])
    images, _ = await found(search)
    assert images == expected(made, entries)
    assert all(map(search.wants, entries))
    other = made.index.row(RowRef(first.batch.id, 0))[1]
    assert not search.wants(other)
    assert not search.wants(Entry("another list", entries[0].signal))
    assert await found(made.search([second], {})) == (set(), [])


async def test_goes_on_after_any_step(tmp_path: Path, direction: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the direction of that step, though the other one may be cheaper now; together they find all."""
    made = world(tmp_path, 2)
    all_images, steps = await found(made.search())
    at_step: list[set[str]] = [images async for _, images in made.search().steps("")]
    for number, step in enumerate(steps):
        monkeypatch.setattr(search_cost, "by_images", lambda *_, there="images" in step: 2.0 if there else 0.0)
        left, more = await found(made.search(), step)
        assert set[str]().union(left, *at_step[: number + 1]) == all_images
        same_kind = [each for each in more if each.split(":")[:3] == step.split(":")[:3]]
        assert {each.split(":")[3] for each in same_kind} <= {step.split(":")[3]}
    assert sorted(steps, key=lambda step: Position.parse(step) or 0) == steps  # type: ignore[arg-type, return-value]
    assert Position.parse("3ff") is None


async def test_composite_values_are_searched_by_their_dhash(tmp_path: Path, direction: str) -> None:
    """Images have no composite values, so they can't be searched for among those that are listed."""
    dhash = Signal("dhash", "0f1e2d3c4b5a6978")
    seen, index, files = SeenImageIndex(), BatchIndex("bad"), BatchFiles(tmp_path)
    seen.add([pack_fingerprint(each) for each in (image("a", dhash), image("b"))])
    entry = Entry("bad", Signal("pdq-dhash", "0f1e2d3c4b5a6979" + "0f" * 32, 90), added_by="ann", added_at=1.0)
    index.fold([written_batch(files, [entry], version=1)], {}, files)
    images, steps = await found(RowSearch(lambda: seen, index, all_rows(index), EXTENTS))
    assert images == {image("a").sha256[:32]}
    assert [":rows:" in step for step in steps] == [True]


async def test_no_image_has_such_values(tmp_path: Path, direction: str) -> None:
    """One step says so: the hosts of lost sightings are purged all the same."""
    made = world(tmp_path, images=0)
    images, steps = await found(made.search())
    assert images == set()
    assert len(steps) == len({(part.type, part.size) for each in all_rows(made.index) for part in each.batch.parts})
