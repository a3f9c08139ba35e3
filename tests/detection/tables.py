"""The tables of docs/detection.md, each with the sentences that it needs."""

import statistics
from collections.abc import Iterator, Sequence

from tests.bench.harness import milliseconds
from tests.detection import thorn
from tests.detection.change import Group
from tests.detection.changes import GROUPS
from tests.detection.costs import ENTRIES, SIZES, Cost
from tests.detection.goals import ALL, DEFAULT
from tests.detection.grid import figure, grid
from tests.detection.listing import OPTIONS, PDQ, Option
from tests.detection.peer import PeerLook
from tests.detection.photographs import LONGER_SIDE, RULES, Photograph
from tests.detection.trial import Results

from edgeward.types import DEFAULT_RADIUS

RADII = (31, 48, 64)


def cost(measured: Sequence[Cost], peers: Sequence[PeerLook]) -> Iterator[str]:
    yield (
        "CPU time of one new image on one core, medians, all settings in turn: digests, decoding and all signals, as "
        "in transit. It is spent once for each image, not for each request. `values`: PDQs that are looked up for the "
        f"smaller image; `lookup`: in one list of {ENTRIES:,} entries with that setting."
    )
    head = ("Setting", *(f"{width}x{height}" for width, height in SIZES), "values", "lookup")
    rows = [
        (
            each.setting,
            *(milliseconds([taken]) for taken in each.hashing),
            str(each.values),
            milliseconds([each.lookup]),
        )
        for each in measured
    ]
    yield grid(head, rows)
    segments = statistics.median(look.segments for look in peers)
    yield (
        f"`imagehash.crop_resistant_hash` took {milliseconds([look.seconds for look in peers])} for a picture "
        f"of the trial (median, decoding included), for {segments:.0f} hashes that would have to be looked up, too."
    )


def false_positives(results: Results, others: int) -> Iterator[str]:
    yield (
        f"Every changed picture against the {others} other photographs. Nearest other: the least distance between two "
        "photographs as they are, and that of any changed picture to any photograph that it was not made of."
    )
    head = ("Option", "Compared", "False positives", "Radius", "Nearest other", "Nearest other, changed")
    yield grid(head, [_false(results, option, others) for option in OPTIONS])
    strangers, looks = sum(look.strangers for look in results.peers), len(results.peers)
    yield (
        "`imagehash.crop_resistant_hash` calls two pictures the same when one segment's hash of the one lies within 16 "
        f"of 64 bits of one of the other: {looks:,} pictures, against the same {others}, matched others {strangers:,} "
        "times."
    )


def _false(results: Results, option: Option, others: int) -> tuple[str, ...]:
    looks = [sight.by(option) for sight in results.sights]
    as_they_are = [sight.by(option) for sight in results.of((GROUPS[0].changes[0].name,))]
    distances = [_least([look.other for look in seen]) for seen in (as_they_are, looks)]
    radius = DEFAULT_RADIUS.get(option.signal_type)
    compared = f"{len(looks) * others:,}"
    strangers = str(sum(look.strangers for look in looks))
    if radius is None:
        return (option.name, compared, strangers, "exact", "", "")
    return (option.name, compared, strangers, str(radius), *distances)


def _least(distances: Sequence[int | None]) -> str:
    return str(min((distance for distance in distances if distance is not None), default=""))


def every_change(results: Results) -> Iterator[str]:
    yield (
        "Percent of the pictures found, each signal type at its default radius (pdq 31 of 256 bits, phash and dhash 6 "
        "of 64). The entries are what `edgeward add --image` lists, from the full picture; the pictures are hashed as "
        "in transit. `default`, `rotations`, `geometry`, `both`: PDQ on lists with these settings. `bits`: median "
        "distance of the PDQ to its entry, without and with both. `imagehash`: its `crop_resistant_hash` with its "
        "defaults, on every fourth photograph. A change that is not about encoding is sent as a JPEG of quality 85."
    )
    columns = ("sha256", "phash", "dhash", *(option.setting for option in PDQ), "bits", "imagehash")
    for group in GROUPS:
        yield grid((group.title, *columns), [_change(each.name, results) for each in group.changes])


def _change(name: str, results: Results) -> tuple[str, ...]:
    shares = [figure(results.recall(name, option)) for option in OPTIONS]
    bits = " / ".join(_rounded(results.bits(name, option)) for option in (DEFAULT, ALL))
    return (name, *shares, bits, figure(results.peer_recall(name)))


def _rounded(bits: float | None) -> str:
    return "-" if bits is None else f"{bits:.0f}"


def wider(photographs: Results, every: Results) -> Iterator[str]:
    yield (
        "A list may have a radius of its own (`edgeward list set NAME --radius pdq=48`). What a wider one finds, in "
        "percent of the pictures, on lists without and with both settings, and how many of all pictures then match "
        "another photograph. These are few photographs: on a list of millions a wide radius finds more that is wrong."
    )
    head = ("PDQ radius", *(f"{radius}{setting}" for setting in ("", ", both") for radius in RADII))
    rows = [(group.title, *_within(photographs, group)) for group in GROUPS]
    yield grid(head, [*rows, ("Pictures that match another", *_strangers(every))])


def _within(results: Results, group: Group) -> Iterator[str]:
    names = [change.name for change in group.changes]
    return (figure(results.within(names, option, radius)) for option in (DEFAULT, ALL) for radius in RADII)


def _strangers(results: Results) -> Iterator[str]:
    for option in (DEFAULT, ALL):
        distances = [sight.by(option).other for sight in results.sights]
        yield from (str(sum(other is not None and other <= radius for other in distances)) for radius in RADII)


def renderings(results: Results) -> Iterator[str]:
    yield (
        "The pictures of gnome-backgrounds are no photographs, and are in none of the shares above. Some of them are "
        "patterns that repeat: fine stripes beat with the 64 x 64 samples that PDQ takes, so that it changes with any "
        "small change."
    )
    head = ("Percent found", *(option.name for option in OPTIONS))
    yield grid(head, [(group.title, *_of_group(results, group)) for group in GROUPS])


def _of_group(results: Results, group: Group) -> Iterator[str]:
    names = [change.name for change in group.changes]
    for option in OPTIONS:
        found, tried = results.found(names, option)
        yield figure(found / tried)


def next_to_thorn(results: Results) -> Iterator[str]:
    yield (
        f"[Thorn's benchmark]({thorn.SOURCE}) is the only one published with figures for each change. Its recalls are "
        "of 1,650 photographs, each at a threshold of its own (`bits` of 256) that was chosen on the same pictures so "
        "that 99.99 % of what is found is right; ours are at 31 bits throughout. Its PHash has 256 bits."
    )
    head = ("Change", "Thorn: PDQ", "bits", "Thorn: PHash", "bits", "default", "geometry")
    yield grid(head, [_published(each, results) for each in thorn.PUBLISHED])


def _published(each: thorn.Published, results: Results) -> tuple[str, ...]:
    ours = (results.recall(each.change, option) for option in (DEFAULT, PDQ[2]))
    theirs = (f"{each.pdq:.1f} %", str(each.pdq_bits), f"{each.phash:.1f} %", str(each.phash_bits))
    return (f"{each.change} (`{each.transform}`)", *theirs, *(f"{figure(share)} %" for share in ours))


def which(photographs: Sequence[Photograph], results: Results) -> Iterator[str]:
    yield f"{RULES} The longer side is at most {LONGER_SIDE} pixels: larger ones are scaled down first."
    head = ("Photograph", "Pixels", "PDQ quality", "default", "both", "Package")
    yield grid(head, [_photograph(each, results) for each in photographs])
    yield "`default` and `both`: percent of this photograph's changed pictures that are found so."


def _photograph(photograph: Photograph, results: Results) -> tuple[str, ...]:
    sights = [sight for sight in results.sights if sight.photograph == photograph.name]
    size = f"{photograph.picture.width}x{photograph.picture.height}"
    if photograph.lack:
        shares = [photograph.lack, ""]
    else:
        shares = [
            figure(sum(sight.by(option).found for sight in sights) / len(sights)) if sights else ""
            for option in (DEFAULT, ALL)
        ]
    return (photograph.name, size, str(photograph.quality), *shares, photograph.package)
