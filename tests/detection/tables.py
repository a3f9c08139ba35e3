"""The tables of docs/detection.md, each with its explanation."""

import statistics
from collections.abc import Iterator, Sequence

from tests.bench.measurement import milliseconds
from tests.detection import published_figures, unrelated_images
from tests.detection.cpu_costs import ENTRIES, SIZES, Cost
from tests.detection.experiment import Results
from tests.detection.goals import ALL, COMPOSITE, COMPOSITE_ALL, DEFAULT, GEOMETRY
from tests.detection.imagehash_baseline import BaselineResult
from tests.detection.list_options import BOTH, OPTIONS, SHOWN, TYPES, Option, alike
from tests.detection.markdown_table import figure, grid
from tests.detection.photographs import LONGER_SIDE, RULES, Photograph
from tests.detection.transform import Group
from tests.detection.transforms import GROUPS

from edgeward.hashing.signal_registry import listable_types

DIGEST = Option("sha256")
RADII = (31, 48, 64)
COMPOSITE_RADII = (56, 64, 72, 80, 88)


def cost(measured: Sequence[Cost], baselines: Sequence[BaselineResult]) -> Iterator[str]:
    yield (
        "CPU time of one new image on one core, medians, all settings in turn: digests, decoding and all signals, as "
        "in transit. It is spent once for each image, not for each request. `PDQs`, `composite`: number of PDQ and "
        "`pdq-dhash` values that are looked up for the smaller image, each followed by the time to look them up in a "
        f"list of {ENTRIES:,} random entries of that type. Composite values are made of hashes that are computed "
        "anyway: they do not make hashing slower."
    )
    head = ("Setting", *(f"{width}x{height}" for width, height in SIZES), "PDQs", "lookup", "composite", "lookup")
    yield grid(head, [_cost(each) for each in measured])
    segments = statistics.median(detection.segments for detection in baselines)
    yield (
        f"`imagehash.crop_resistant_hash` took {milliseconds([each.seconds for each in baselines])} for a picture "
        f"(median, decoding included), and gave {segments:.0f} hashes that would have to be looked up too."
    )


def _cost(cost: Cost) -> tuple[str, ...]:
    lookups = (text for each in cost.lookups for text in (str(each.values), milliseconds([each.seconds])))
    return (cost.setting, *(milliseconds([taken]) for taken in cost.hashing), *lookups)


def false_positives(results: Results, others: int) -> Iterator[str]:
    """`others`: how many photographs each is compared with."""
    yield (
        f"Every changed picture is compared with the {others} other photographs and the "
        f"{len(results.unrelated)} unrelated images that are listed too. Nearest: the least distance from an unchanged "
        "photograph, and from any changed picture, to another photograph, and to an unrelated image. `pdq + composite` "
        "matches within either radius; its distances are those of `pdq-dhash`: the PDQ's bits or eight times the "
        "dhash's, whichever is more."
    )
    nearest = ("Nearest photograph", "changed", "Nearest unrelated", "changed")
    head = ("Option", "Compared", "False positives", "Radius", *nearest)
    yield grid(head, [_false(results, option, others + len(results.unrelated)) for option in OPTIONS])
    if wrong := _wrong(results):
        yield "\n".join(wrong)
    taken, count = sum(each.wrong for each in results.baselines), len(results.baselines)
    yield (
        "`imagehash.crop_resistant_hash` takes two pictures for the same if the hashes of one segment of each differ "
        f"in at most 16 of 64 bits: {count:,} pictures, compared with the same {others} photographs and no unrelated "
        f"images, matched others {taken:,} times."
    )


def _false(results: Results, option: Option, others: int) -> tuple[str, ...]:
    detections = [observation.by(option) for observation in results.observations]
    as_they_are = [observation.by(option) for observation in results.of((GROUPS[0].transforms[0].name,))]
    nearest = (
        _least(distances)
        for distances in (
            [detection.other for detection in as_they_are],
            [detection.other for detection in detections],
            [detection.unrelated for detection in as_they_are],
            [detection.unrelated for detection in detections],
        )
    )
    radius = listable_types()[option.signal_type].radius
    counts = (option.name, f"{len(detections) * others:,}", str(sum(len(detection.wrong) for detection in detections)))
    return (*counts, "exact", "", "", "", "") if radius is None else (*counts, str(radius), *nearest)


def _wrong(results: Results) -> list[str]:
    """The false positives themselves."""
    return [
        f"- {option.name}: {each.photograph}, {each.transform}: matched {', '.join(each.by(option).wrong)}."
        for option in OPTIONS
        for each in results.observations
        if each.by(option).wrong
    ]


def _least(distances: Sequence[int | None]) -> str:
    return str(min((distance for distance in distances if distance is not None), default=""))


def every_transform(results: Results) -> Iterator[str]:
    yield (
        "Percent of the pictures found, each signal type at its default radius (pdq 31 of 256 bits, phash 6 and dhash "
        "4 of 64, pdq-dhash 72). The entries are those that `edgeward add --image` lists, from the full picture; "
        "pictures are hashed as in transit. `default`, `rotations`, `geometry`, `both`: PDQ on lists with these "
        "settings. `composite`, `composite, both`: PDQ or `pdq-dhash`, on lists without and with both settings. "
        "`bits`: median distance to the picture's own entry, of the PDQ without and with both settings, then of the "
        "composite value with both. `imagehash`: its `crop_resistant_hash` with its defaults, on every fourth "
        "photograph. Unless the change is about encoding, a changed picture is sent as a JPEG of quality 85. Digests "
        f"find identical files only; sha256 found {_by_digest(results)}."
    )
    columns = (*(option.column for option in SHOWN), "bits", "imagehash")
    for group in GROUPS:
        yield grid((group.title, *columns), [_transform(each.name, results) for each in group.transforms])


def _by_digest(results: Results) -> str:
    shares = {each.name: results.recall(each.name, DIGEST) for group in GROUPS for each in group.transforms}
    return ", ".join(f"{name} ({figure(share)} %)" for name, share in shares.items() if share) or "nothing"


def _transform(name: str, results: Results) -> tuple[str, ...]:
    shares = [figure(results.recall(name, option)) for option in SHOWN]
    bits = " / ".join(_rounded(results.bits(name, option)) for option in (DEFAULT, ALL, COMPOSITE_ALL))
    return (name, *shares, bits, figure(results.baseline_recall(name)))


def _rounded(bits: float | None) -> str:
    return "-" if bits is None else f"{bits:.0f}"


def wider_radius(photographs: Results, every: Results) -> Iterator[str]:
    yield (
        "A list may have its own radius (`edgeward list set NAME --radius pdq=48`). The tables show what another "
        "radius finds, in percent of the pictures, on lists without and with both settings, and how many of all "
        "pictures then match another photograph or an unrelated image. These are few pictures: on a list of millions a "
        "wide radius gives more false positives."
    )
    yield _radii("PDQ radius", (DEFAULT, ALL), RADII, photographs, every)
    yield "The same for `pdq-dhash` (`--radius pdq-dhash=56`), together with PDQ at its default radius:"
    yield _radii("pdq-dhash radius", (COMPOSITE, COMPOSITE_ALL), COMPOSITE_RADII, photographs, every)


def _radii(title: str, options: Sequence[Option], radii: Sequence[int], photographs: Results, every: Results) -> str:
    """One column for each radius of each option: recall by group, then how many pictures match what they are not."""
    columns = [(option, radius) for option in options for radius in radii]
    head = (title, *(f"{radius}{', both' if option.setting == BOTH else ''}" for option, radius in columns))
    rows = [
        (group.title, *(figure(photographs.within(_names(group), *column)) for column in columns)) for group in GROUPS
    ]
    return grid(head, [*rows, ("Pictures that match another", *(str(every.wrong(*column)) for column in columns))])


def _names(group: Group) -> list[str]:
    return [transform.name for transform in group.transforms]


def unrelated_used(results: Results) -> Iterator[str]:
    yield f"{unrelated_images.RULES} That leaves {len(results.unrelated)}."
    yield "Those that match each other, as listed, show what each signal type takes for the same picture:"
    yield "\n".join(f"- {kind}: {_alike(kind, results)}" for kind in TYPES[1:])


def _alike(kind: str, results: Results) -> str:
    found = alike(kind, results.unrelated)
    return f"{'; '.join(' and '.join(pair) for pair in found) or 'none'}."


def renderings(results: Results) -> Iterator[str]:
    yield (
        "The pictures of gnome-backgrounds are not photographs, and not counted in the shares above. Some of them are "
        "repeating patterns: fine stripes interfere with the 64 x 64 samples that PDQ takes, so that any small change "
        "changes it."
    )
    head = ("Percent found", *(option.column for option in SHOWN))
    yield grid(head, [(group.title, *_of_group(results, group)) for group in GROUPS])


def _of_group(results: Results, group: Group) -> Iterator[str]:
    for option in SHOWN:
        found, tried = results.found(_names(group), option)
        yield figure(found / tried)


def next_to_published(results: Results) -> Iterator[str]:
    yield (
        f"[Thorn's benchmark]({published_figures.SOURCE}) is the only published one with figures for each change. Its "
        "recalls are of 1,650 photographs, each at its own threshold (`bits` of 256), chosen on the same pictures for "
        "a precision of 99.99 %; ours are all at the default radii, 31 of PDQ and 72 of `pdq-dhash`. Its PHash has 256 "
        "bits."
    )
    head = ("Change", "Thorn: PDQ", "bits", "Thorn: PHash", "bits", "default", "geometry", "composite, both")
    yield grid(head, [_published(each, results) for each in published_figures.PUBLISHED])


def _published(each: published_figures.Published, results: Results) -> tuple[str, ...]:
    ours = (results.recall(each.transform, option) for option in (DEFAULT, GEOMETRY, COMPOSITE_ALL))
    theirs = (f"{each.pdq:.1f} %", str(each.pdq_bits), f"{each.phash:.1f} %", str(each.phash_bits))
    return (f"{each.transform} (`{each.published_name}`)", *theirs, *(f"{figure(share)} %" for share in ours))


def photographs_used(photographs: Sequence[Photograph], results: Results) -> Iterator[str]:
    yield f"{RULES} The longer side is at most {LONGER_SIDE} pixels; larger pictures are scaled down first."
    head = ("Photograph", "Pixels", "PDQ quality", "default", "both", "composite, both", "Package")
    yield grid(head, [_photograph(each, results) for each in photographs])
    yield "`default`, `both`, `composite, both`: percent of this photograph's changed pictures that are found."


def _photograph(photograph: Photograph, results: Results) -> tuple[str, ...]:
    observations = [each for each in results.observations if each.photograph == photograph.name]
    size = f"{photograph.picture.width}x{photograph.picture.height}"
    if photograph.reason_unusable:
        shares = [photograph.reason_unusable, "", ""]
    else:
        shares = [
            figure(sum(observation.by(option).found for observation in observations) / len(observations))
            if observations
            else ""
            for option in (DEFAULT, ALL, COMPOSITE_ALL)
        ]
    return (photograph.name, size, str(photograph.quality), *shares, photograph.package)
