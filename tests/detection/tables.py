"""The tables of docs/detection.md, each with the sentences that it needs."""

import statistics
from collections.abc import Iterator, Sequence

from tests.bench.harness import milliseconds
from tests.detection import strangers, thorn
from tests.detection.change import Group
from tests.detection.changes import GROUPS
from tests.detection.costs import ENTRIES, SIZES, Cost
from tests.detection.goals import ALL, DEFAULT, GEOMETRY, JOINT, JOINT_ALL
from tests.detection.grid import figure, grid
from tests.detection.listing import BOTH, OPTIONS, SHOWN, TYPES, Option, alike
from tests.detection.peer import PeerLook
from tests.detection.photographs import LONGER_SIDE, RULES, Photograph
from tests.detection.trial import Results

from edgeward.hashing.registry import known

DIGEST = Option("sha256")
RADII = (31, 48, 64)
JOINT_RADII = (56, 64, 72, 80, 88)


def cost(measured: Sequence[Cost], peers: Sequence[PeerLook]) -> Iterator[str]:
    yield (
        "CPU time of one new image on one core, medians, all settings in turn: digests, decoding and all signals, as "
        "in transit. It is spent once for each image, not for each request. `PDQs`, `joint`: values of PDQ and of "
        "`pdq-dhash` that are looked up for the smaller image, each followed by the time of looking them up in a list "
        f"of {ENTRIES:,} random entries of that type. Joint values are composed of hashes that are there: hashing "
        "costs no more with them."
    )
    head = ("Setting", *(f"{width}x{height}" for width, height in SIZES), "PDQs", "lookup", "joint", "lookup")
    yield grid(head, [_cost(each) for each in measured])
    segments = statistics.median(look.segments for look in peers)
    yield (
        f"`imagehash.crop_resistant_hash` took {milliseconds([look.seconds for look in peers])} for a picture "
        f"of the trial (median, decoding included), for {segments:.0f} hashes that would have to be looked up, too."
    )


def _cost(cost: Cost) -> tuple[str, ...]:
    lookups = (text for each in cost.lookups for text in (str(each.values), milliseconds([each.seconds])))
    return (cost.setting, *(milliseconds([taken]) for taken in cost.hashing), *lookups)


def false_positives(results: Results, others: int) -> Iterator[str]:
    """`others`: how many photographs each is compared with."""
    yield (
        f"Every changed picture against the {others} other photographs and {len(results.strangers)} strangers, which "
        "are listed with them. Nearest: the least distance of a photograph as it is, and of any changed picture, to a "
        "photograph that it was not made of, and to a stranger. `pdq + joint` matches within either radius; its "
        "distances are those of `pdq-dhash`, the PDQ's bits or eight times the dhash's, whichever is more."
    )
    nearest = ("Nearest photograph", "changed", "Nearest stranger", "changed")
    head = ("Option", "Compared", "False positives", "Radius", *nearest)
    yield grid(head, [_false(results, option, others + len(results.strangers)) for option in OPTIONS])
    if wrong := _wrong(results):
        yield "\n".join(wrong)
    taken, looks = sum(look.wrong for look in results.peers), len(results.peers)
    yield (
        "`imagehash.crop_resistant_hash` calls two pictures the same when one segment's hash of the one lies within 16 "
        f"of 64 bits of one of the other: {looks:,} pictures, against the same {others} photographs and no strangers, "
        f"matched others {taken:,} times."
    )


def _false(results: Results, option: Option, others: int) -> tuple[str, ...]:
    looks = [sight.by(option) for sight in results.sights]
    as_they_are = [sight.by(option) for sight in results.of((GROUPS[0].changes[0].name,))]
    nearest = (
        _least(distances)
        for distances in (
            [look.other for look in as_they_are],
            [look.other for look in looks],
            [look.stranger for look in as_they_are],
            [look.stranger for look in looks],
        )
    )
    radius = known()[option.signal_type].radius
    counts = (option.name, f"{len(looks) * others:,}", str(sum(len(look.wrong) for look in looks)))
    return (*counts, "exact", "", "", "", "") if radius is None else (*counts, str(radius), *nearest)


def _wrong(results: Results) -> list[str]:
    """The false positives themselves."""
    return [
        f"- {option.name}: {sight.photograph}, {sight.change}: matched {', '.join(sight.by(option).wrong)}."
        for option in OPTIONS
        for sight in results.sights
        if sight.by(option).wrong
    ]


def _least(distances: Sequence[int | None]) -> str:
    return str(min((distance for distance in distances if distance is not None), default=""))


def every_change(results: Results) -> Iterator[str]:
    yield (
        "Percent of the pictures found, each signal type at its default radius (pdq 31 of 256 bits, phash 6 and dhash "
        "4 of 64, pdq-dhash 72). The entries are what `edgeward add --image` lists, from the full picture; pictures "
        "are hashed as in transit. `default`, `rotations`, `geometry`, `both`: PDQ on lists with these settings. "
        "`joint`, `joint, both`: PDQ or `pdq-dhash`, on lists without and with both settings. `bits`: median distance "
        "to the picture's own entry, of the PDQ without and with both, then of the joint value with both. `imagehash`: "
        "its `crop_resistant_hash` with its defaults, on every fourth photograph. A change that is not about encoding "
        f"is sent as a JPEG of quality 85. Digests find the same bytes alone; sha256 found {_by_digest(results)}."
    )
    columns = (*(option.column for option in SHOWN), "bits", "imagehash")
    for group in GROUPS:
        yield grid((group.title, *columns), [_change(each.name, results) for each in group.changes])


def _by_digest(results: Results) -> str:
    shares = {each.name: results.recall(each.name, DIGEST) for group in GROUPS for each in group.changes}
    return ", ".join(f"{name} ({figure(share)} %)" for name, share in shares.items() if share) or "nothing"


def _change(name: str, results: Results) -> tuple[str, ...]:
    shares = [figure(results.recall(name, option)) for option in SHOWN]
    bits = " / ".join(_rounded(results.bits(name, option)) for option in (DEFAULT, ALL, JOINT_ALL))
    return (name, *shares, bits, figure(results.peer_recall(name)))


def _rounded(bits: float | None) -> str:
    return "-" if bits is None else f"{bits:.0f}"


def wider(photographs: Results, every: Results) -> Iterator[str]:
    yield (
        "A list may have a radius of its own (`edgeward list set NAME --radius pdq=48`). What another one finds, in "
        "percent of the pictures, on lists without and with both settings, and how many of all pictures then match "
        "another photograph or a stranger. These are few pictures: on a list of millions a wide radius finds more that "
        "is wrong."
    )
    yield _radii("PDQ radius", (DEFAULT, ALL), RADII, photographs, every)
    yield "The same of `pdq-dhash` (`--radius pdq-dhash=56`), beside PDQ at its default radius:"
    yield _radii("pdq-dhash radius", (JOINT, JOINT_ALL), JOINT_RADII, photographs, every)


def _radii(title: str, options: Sequence[Option], radii: Sequence[int], photographs: Results, every: Results) -> str:
    """One column for each radius of each option: recall by group, then how many pictures match what they are not."""
    columns = [(option, radius) for option in options for radius in radii]
    head = (title, *(f"{radius}{', both' if option.setting == BOTH else ''}" for option, radius in columns))
    rows = [
        (group.title, *(figure(photographs.within(_names(group), *column)) for column in columns)) for group in GROUPS
    ]
    return grid(head, [*rows, ("Pictures that match another", *(str(every.wrong(*column)) for column in columns))])


def _names(group: Group) -> list[str]:
    return [change.name for change in group.changes]


def which_strangers(results: Results) -> Iterator[str]:
    yield f"{strangers.RULES} That leaves {len(results.strangers)}."
    yield "Which of them match each other, as they are listed, shows what each signal type takes for the same picture:"
    yield "\n".join(f"- {kind}: {_alike(kind, results)}" for kind in TYPES[1:])


def _alike(kind: str, results: Results) -> str:
    found = alike(kind, results.strangers)
    return f"{'; '.join(' and '.join(pair) for pair in found) or 'none'}."


def renderings(results: Results) -> Iterator[str]:
    yield (
        "The pictures of gnome-backgrounds are no photographs, and are in none of the shares above. Some of them are "
        "patterns that repeat: fine stripes beat with the 64 x 64 samples that PDQ takes, so that it changes with any "
        "small change."
    )
    head = ("Percent found", *(option.column for option in SHOWN))
    yield grid(head, [(group.title, *_of_group(results, group)) for group in GROUPS])


def _of_group(results: Results, group: Group) -> Iterator[str]:
    for option in SHOWN:
        found, tried = results.found(_names(group), option)
        yield figure(found / tried)


def next_to_thorn(results: Results) -> Iterator[str]:
    yield (
        f"[Thorn's benchmark]({thorn.SOURCE}) is the only one published with figures for each change. Its recalls are "
        "of 1,650 photographs, each at a threshold of its own (`bits` of 256) that was chosen on the same pictures so "
        "that 99.99 % of what is found is right; ours are at the default radii throughout, 31 of PDQ and 72 of "
        "`pdq-dhash`. Its PHash has 256 bits."
    )
    head = ("Change", "Thorn: PDQ", "bits", "Thorn: PHash", "bits", "default", "geometry", "joint, both")
    yield grid(head, [_published(each, results) for each in thorn.PUBLISHED])


def _published(each: thorn.Published, results: Results) -> tuple[str, ...]:
    ours = (results.recall(each.change, option) for option in (DEFAULT, GEOMETRY, JOINT_ALL))
    theirs = (f"{each.pdq:.1f} %", str(each.pdq_bits), f"{each.phash:.1f} %", str(each.phash_bits))
    return (f"{each.change} (`{each.transform}`)", *theirs, *(f"{figure(share)} %" for share in ours))


def which(photographs: Sequence[Photograph], results: Results) -> Iterator[str]:
    yield f"{RULES} The longer side is at most {LONGER_SIDE} pixels: larger ones are scaled down first."
    head = ("Photograph", "Pixels", "PDQ quality", "default", "both", "joint, both", "Package")
    yield grid(head, [_photograph(each, results) for each in photographs])
    yield "`default`, `both`, `joint, both`: percent of this photograph's changed pictures that are found so."


def _photograph(photograph: Photograph, results: Results) -> tuple[str, ...]:
    sights = [sight for sight in results.sights if sight.photograph == photograph.name]
    size = f"{photograph.picture.width}x{photograph.picture.height}"
    if photograph.lack:
        shares = [photograph.lack, "", ""]
    else:
        shares = [
            figure(sum(sight.by(option).found for sight in sights) / len(sights)) if sights else ""
            for option in (DEFAULT, ALL, JOINT_ALL)
        ]
    return (photograph.name, size, str(photograph.quality), *shares, photograph.package)
