"""docs/detection.md: the results in words and tables."""

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime

from tests.bench.measurement import Row, Section, summary, table
from tests.detection import tables
from tests.detection.cpu_costs import Cost
from tests.detection.experiment import Results
from tests.detection.goals import ALL, COMPOSITE, COMPOSITE_ALL, DEFAULT, GEOMETRY, ROTATIONS
from tests.detection.heatmap import Head, Panel
from tests.detection.list_options import SHOWN
from tests.detection.markdown_table import figure
from tests.detection.photographs import Photograph
from tests.detection.transforms import GROUPS

RECOGNISED, PARTLY_RECOGNISED = 0.95, 0.5
"""Shares from which a change counts as recognised, and as partly recognised."""
HEAD = Head(
    ("phash", "dhash", *(option.setting for option in SHOWN[2:]), "imagehash"),
    (("pdq", 2, 5), ("pdq + composite", 6, 7)),
)


def goals(rows: Sequence[Row]) -> Section:
    how = (
        "Each signal type at its default radius (PDQ: 31 of 256 bits), all variants of a change counted: a crop of one "
        "side is tried on all four. `Against`: the listed signal types, and the setting of the list. `pdq + "
        "composite`: entries of `pdq-dhash` together with those of PDQ, at its default radius, 72, which was chosen on "
        "these photographs and unrelated images: on others, recall may be lower. **That type is off unless asked "
        "for**, as by `edgeward add LIST --image FILE --signals sha256,pdq,pdq-dhash`. Rows of `PDQ alone` say what is "
        "found without it. A false positive is a changed picture that matches an entry of any other picture, on any "
        "list, renderings and unrelated images included."
    )
    return Section("Goals", how, rows)


def document(
    machine: Sequence[tuple[str, str]],
    held: Section,
    results: Results,
    measured: Sequence[Cost],
    photographs: Sequence[Photograph],
) -> str:
    """The whole file."""
    usable = [each for each in photographs if each.usable]
    shown = of_photographs(results, photographs)
    transforms = sum(len(group.transforms) for group in GROUPS)
    parts = [
        "# Detection",
        "Which changes of a listed picture Edgeward recognises, by which hashes and settings of a list, and at what "
        f"cost. Written by `make detection` on {datetime.now(UTC):%d %B %Y}: {len(usable)} "
        f"pictures, {transforms} changes, {len(results.observations):,} changed pictures through the same code as in "
        f"transit, and {len(results.unrelated)} unrelated images listed with them.",
        "![The share of each change that is recognised](detection.png)",
        "\n".join(in_words(shown)),
        "## Goals",
        summary([held]).replace("budgets", "goals"),
        held.how,
        table(held.rows),
        "## What it costs",
        *tables.cost(measured, results.baselines),
        "## False positives",
        *tables.false_positives(results, len(usable) - 1),
        "## Every change",
        *tables.every_transform(shown),
        "## A wider radius",
        *tables.wider_radius(shown, results),
        "## Next to Thorn's figures",
        *tables.next_to_published(shown),
        "## Renderings",
        *tables.renderings(results.only(each.name for each in usable if each.rendered)),
        "## Photographs",
        *tables.photographs_used(photographs, results),
        "## Unrelated images",
        *tables.unrelated_used(results),
        "## Machine",
        "\n".join(("| | |", "|---|---|", *(f"| {name} | {value} |" for name, value in machine))),
    ]
    return "\n\n".join(parts) + "\n"


def subtitle(results: Results) -> str:
    """The subtitle of the heat map."""
    taken = sum(detection.wrong > 0 for detection in results.baselines) / len(results.baselines)
    return (
        "Percent of changed photographs that are found, by signal type and setting of the list. pdq + composite: with "
        "pdq-dhash, which is off unless asked for. imagehash: its crop_resistant_hash, "
        f"which also matches {figure(taken)} % of these pictures with another photograph."
    )


def of_photographs(results: Results, photographs: Sequence[Photograph]) -> Results:
    """Without rendered pictures."""
    return results.only(each.name for each in photographs if not each.rendered)


def panels(results: Results) -> list[Panel]:
    """For the heat map: the recall of each option and of imagehash's crop_resistant_hash."""
    return [
        Panel(group.title, [(each.name, _shares(each.name, results)) for each in group.transforms]) for group in GROUPS
    ]


def _shares(transform: str, results: Results) -> list[float]:
    return [*(results.recall(transform, option) for option in SHOWN), results.baseline_recall(transform)]


def in_words(results: Results) -> Iterator[str]:
    """Each change is named once: under the cheapest setting that recognises it."""
    left = [transform.name for group in GROUPS for transform in group.transforms]

    def taken(reached: Callable[[str], bool]) -> list[str]:
        names = [name for name in left if reached(name)]
        left[:] = [name for name in left if name not in names]
        return names

    for title, option in (
        ("Recognised on every list", DEFAULT),
        ("With `rotations`", ROTATIONS),
        ("With `geometry`", GEOMETRY),
        ("With both settings", ALL),
        ("With `pdq-dhash` listed too (`--signals`)", COMPOSITE),
        ("With `pdq-dhash` and both settings", COMPOSITE_ALL),
    ):
        names = taken(lambda name, by=option: results.recall(name, by) >= RECOGNISED)  # type: ignore[misc]
        yield f"- **{title}**, at least {figure(RECOGNISED)} % of pictures: {_listed(_together(names))}"
    in_part = taken(lambda name: results.recall(name, COMPOSITE_ALL) >= PARTLY_RECOGNISED)
    yield f"- **Partly**, with all of these: {_listed(_with_shares(in_part, results))}"
    yield f"- **Mostly not**, with any setting: {_listed(_with_shares(left, results))}"


def _with_shares(names: Sequence[str], results: Results) -> list[str]:
    return [f"{name} ({figure(results.recall(name, COMPOSITE_ALL))} %)" for name in names]


def _listed(names: Sequence[str]) -> str:
    return f"{'; '.join(names) if names else 'nothing'}."


def _together(names: Sequence[str]) -> list[str]:
    """Names, with the title of each complete group in place of its changes."""
    whole = [group for group in GROUPS if {transform.name for transform in group.transforms} <= set(names)]
    covered = {transform.name for group in whole for transform in group.transforms}
    return [*(f"all of *{group.title}*" for group in whole), *(name for name in names if name not in covered)]
