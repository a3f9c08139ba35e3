"""docs/detection.md: what was found, in words and tables."""

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime

from tests.bench.harness import Row, Section, summary, table
from tests.detection import tables
from tests.detection.changes import GROUPS
from tests.detection.costs import Cost
from tests.detection.goals import ALL, DEFAULT, GEOMETRY, JOINT, JOINT_ALL, ROTATIONS
from tests.detection.grid import figure
from tests.detection.heatmap import Head, Panel
from tests.detection.listing import SHOWN
from tests.detection.photographs import Photograph
from tests.detection.trial import Results

MOST, SOME = 0.95, 0.5
"""Shares from which a change counts as recognised, and as recognised in part."""
HEAD = Head(
    ("phash", "dhash", *(option.setting for option in SHOWN[2:]), "imagehash"),
    (("pdq", 2, 5), ("pdq + joint", 6, 7)),
)


def goals(rows: Sequence[Row]) -> Section:
    how = (
        "Each signal type at its default radius (PDQ: 31 of 256 bits), each way of a change counted: a crop of one "
        "side is tried on four. `Against`: what is listed, and the setting of the list. `pdq + joint`: entries of "
        "`pdq-dhash` beside those of PDQ, at their default radius, 72, which was chosen on these photographs and "
        "strangers: others may fare worse. **That type is off unless asked for**, as "
        "by `edgeward add LIST --image FILE --signals sha256,pdq,pdq-dhash`. Rows of `PDQ alone` say what is found "
        "without it. A false positive is a picture that matches another one than it was made of: on any list, "
        "renderings and strangers included."
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
    changes = sum(len(group.changes) for group in GROUPS)
    parts = [
        "# Detection",
        "Which changes of a listed picture are recognised, by which hashes, with which settings of a list, at what "
        f"cost, and which are not. Written by `make detection` on {datetime.now(UTC):%d %B %Y}: {len(usable)} "
        f"pictures, {changes} changes, {len(results.sights):,} changed pictures through the same code as in transit, "
        f"and {len(results.strangers)} strangers listed with them.",
        "![What share of each change is recognised](detection.png)",
        "\n".join(in_words(shown)),
        "## Goals",
        summary([held]).replace("budgets", "goals"),
        held.how,
        table(held.rows),
        "## What it costs",
        *tables.cost(measured, results.peers),
        "## False positives",
        *tables.false_positives(results, len(usable) - 1),
        "## Every change",
        *tables.every_change(shown),
        "## A wider radius",
        *tables.wider(shown, results),
        "## Next to Thorn's figures",
        *tables.next_to_thorn(shown),
        "## Renderings",
        *tables.renderings(results.only(each.name for each in usable if each.rendered)),
        "## Photographs",
        *tables.which(photographs, results),
        "## Strangers",
        *tables.which_strangers(results),
        "## Machine",
        "\n".join(("| | |", "|---|---|", *(f"| {name} | {value} |" for name, value in machine))),
    ]
    return "\n\n".join(parts) + "\n"


def subtitle(results: Results) -> str:
    """Of the heat map."""
    taken = sum(look.wrong > 0 for look in results.peers) / len(results.peers)
    return (
        "Percent of changed photographs that are found, by signal type and setting of the list. pdq + joint: with "
        "pdq-dhash, which is off unless asked for. imagehash: its crop_resistant_hash, "
        f"which takes {figure(taken)} % of these pictures for another photograph, too."
    )


def of_photographs(results: Results, photographs: Sequence[Photograph]) -> Results:
    """Without the pictures that are rendered."""
    return results.only(each.name for each in photographs if not each.rendered)


def panels(results: Results) -> list[Panel]:
    """For the heat map: the recall of each option and of imagehash's crop_resistant_hash."""
    return [
        Panel(group.title, [(each.name, _shares(each.name, results)) for each in group.changes]) for group in GROUPS
    ]


def _shares(change: str, results: Results) -> list[float]:
    return [*(results.recall(change, option) for option in SHOWN), results.peer_recall(change)]


def in_words(results: Results) -> Iterator[str]:
    """Each change is named once: under the cheapest setting with which it is recognised."""
    left = [change.name for group in GROUPS for change in group.changes]

    def taken(reached: Callable[[str], bool]) -> list[str]:
        names = [name for name in left if reached(name)]
        left[:] = [name for name in left if name not in names]
        return names

    for title, option in (
        ("Recognised on every list", DEFAULT),
        ("With `rotations` also", ROTATIONS),
        ("With `geometry` also", GEOMETRY),
        ("With both also", ALL),
        ("With `pdq-dhash` listed also (`--signals`)", JOINT),
        ("With all", JOINT_ALL),
    ):
        names = taken(lambda name, by=option: results.recall(name, by) >= MOST)  # type: ignore[misc]
        yield f"- **{title}**, at least {figure(MOST)} % of pictures: {_listed(_together(names))}"
    in_part = taken(lambda name: results.recall(name, JOINT_ALL) >= SOME)
    yield f"- **In part**, with all: {_listed(_with_shares(in_part, results))}"
    yield f"- **Mostly not**, whatever the setting: {_listed(_with_shares(left, results))}"


def _with_shares(names: Sequence[str], results: Results) -> list[str]:
    return [f"{name} ({figure(results.recall(name, JOINT_ALL))} %)" for name in names]


def _listed(names: Sequence[str]) -> str:
    return f"{'; '.join(names) if names else 'nothing'}."


def _together(names: Sequence[str]) -> list[str]:
    """Groups of which all changes are among the names stand for them."""
    whole = [group for group in GROUPS if {change.name for change in group.changes} <= set(names)]
    covered = {change.name for group in whole for change in group.changes}
    return [*(f"all of *{group.title}*" for group in whole), *(name for name in names if name not in covered)]
