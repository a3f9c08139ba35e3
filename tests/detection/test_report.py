"""Goals, tables and the heat map, from made-up results."""

from collections.abc import Collection
from pathlib import Path

import pytest
from PIL import Image
from tests.bench.measurement import summary, table
from tests.detection import goals, heatmap, report
from tests.detection.cpu_costs import SIZES, Cost, Lookup
from tests.detection.experiment import Observation, Results
from tests.detection.goals import ALL, COMPOSITE, COMPOSITE_ALL
from tests.detection.imagehash_baseline import BaselineResult
from tests.detection.list_options import LISTS, OPTIONS, TYPES, Detection, Option
from tests.detection.markdown_table import figure, grid
from tests.detection.photographs import Photograph
from tests.detection.published_figures import PUBLISHED
from tests.detection.transforms import GROUPS

from edgeward.types import Signal

NAMES = [transform.name for group in GROUPS for transform in group.transforms]
CROP = "5 % off one side"
UNRELATED = {
    "space/moon": [Signal("phash", "00000000ffffffff")],
    "space/ball": [Signal("phash", "00000000fffffff0")],
    "toys/ball": [Signal("phash", "ffffffff00000000")],
}


def observation(
    transform: str, found: bool | Collection[Option], photograph: str = "coffee", *wrong: str
) -> Observation:
    """Found by all options, by none, or by those."""
    by = found if isinstance(found, Collection) else OPTIONS if found else ()
    detections = (Detection(option in by, 10 if option in by else 60, 100, 90, wrong) for option in OPTIONS)
    return Observation(photograph, transform, tuple(detections), BaselineResult(True, 1, 0.3, 5))


def all_found(*but: str) -> list[Observation]:
    return [observation(name, name not in but) for name in NAMES]


def photographs() -> list[Photograph]:
    plain = Image.new("RGB", (64, 48), "grey")
    detailed = Image.effect_noise((200, 200), 100).convert("RGB")
    return [
        Photograph("coffee", "scikit-image 1", detailed),
        Photograph("grid", "gnome-backgrounds 1", detailed),
        Photograph("vnc", "gnome-backgrounds 1", plain),
    ]


def test_goals_and_published_figures_name_existing_transforms() -> None:
    """A renamed transform would otherwise leave its goal."""
    wanted = {name for goal in goals.GOALS for name in goal.transforms} | {each.transform for each in PUBLISHED}

    assert wanted <= set(NAMES)
    assert all(goal.transforms for goal in goals.GOALS)


def test_a_goal_counts_every_picture() -> None:
    """Three of four found are 75 %, which is below the goal; the others are met."""
    results = Results([*all_found(), *(observation(CROP, found) for found in (True, True, False))])

    rows = {row.what: row for row in goals.rows(results, results)}

    assert (rows["5 % off one side"].figure, rows["5 % off one side"].met) == (75, False)
    assert (rows["Greyscale"].figure, rows["Greyscale"].met) == (100, True)
    assert "missed: 5 % off one side." in summary([report.goals(list(rows.values()))])


def test_a_false_positive_misses_a_goal_in_any_picture() -> None:
    """False positives count in rendered pictures too, which have no recall goal."""
    every = Results([*all_found(), observation(NAMES[0], True, "grid", "space/moon")])

    rows = [row for row in goals.rows(every.only(["coffee"]), every) if row.what.startswith("False positives")]

    assert rows
    assert [row.what.removeprefix("False positives, ") for row in rows] == list(TYPES)
    assert all(row.figure and not row.met for row in rows)
    assert table(rows).count(" NO ") == len(rows)


def test_a_goal_with_composite_values_shows_pdq_alone() -> None:
    """It has a second row, without a budget, for PDQ alone; the composite option is compared with the goal."""
    results = Results([*all_found("inner 95 %"), observation("inner 95 %", {COMPOSITE_ALL})])

    rows = {row.what: row for row in goals.rows(results, results)}

    with_it, alone = rows["Inner 95 %"], rows["Inner 95 %, PDQ alone"]
    assert (with_it.other, with_it.ours, with_it.met) == ("pdq + composite, both", "1 of 2", False)
    assert (alone.other, alone.ours, alone.met) == ("pdq, both", "0 of 2", None)
    assert not any(row.endswith("PDQ alone") and rows[row].budget for row in rows)
    assert "Greyscale, PDQ alone" not in rows


def test_results_by_photograph_and_radius() -> None:
    """Medians, shares within another radius, and results of some photographs only."""
    results = Results([observation(CROP, True), observation(CROP, False), observation(CROP, False, "grid")])

    assert results.recall(CROP, OPTIONS[-1]) == pytest.approx(1 / 3)
    assert results.bits(CROP, OPTIONS[-1]) == 60
    assert results.within((CROP,), OPTIONS[-1], 31) == pytest.approx(1 / 3)
    assert results.within((CROP,), OPTIONS[-1], 60) == 1
    assert results.only(["coffee"]).found((CROP,), OPTIONS[-1]) == (1, 2)
    assert results.wrong(OPTIONS[-1], 89) == 0
    assert results.wrong(OPTIONS[-1], 90) == 3


def test_pdq_counts_with_every_composite_radius() -> None:
    """What PDQ matches on a list counts for that list's composite option, however narrow its radius."""
    results = Results(
        [
            observation(CROP, {ALL, COMPOSITE_ALL}),
            observation(CROP, {COMPOSITE_ALL}),
            observation(CROP, {ALL}, "coffee", "moon"),
        ]
    )

    assert results.within((CROP,), COMPOSITE_ALL, 0) == pytest.approx(2 / 3)
    assert results.within((CROP,), COMPOSITE, 0) == 0
    assert results.within((CROP,), ALL, 0) == 0
    assert results.wrong(COMPOSITE_ALL, 0) == 1
    assert results.wrong(ALL, 0) == 0


def test_each_transform_is_named_once_in_words() -> None:
    """Under the cheapest setting that recognises it, or under what is not recognised; whole groups by their title."""
    lines = list(report.in_words(Results(all_found(CROP))))

    assert lines[-1].endswith(f"{CROP} (0 %).")
    assert sum(line.count("inner 95 %") for line in lines) == 1
    assert "inner 95 %" in lines[0]
    assert "all of *Re-encoding*" in lines[0]
    assert "all of *Crops*" not in lines[0]


def test_transforms_that_composite_values_find() -> None:
    """A transform that needs entries of pdq-dhash is named under no setting without them."""
    others = [observation(name, True) for name in NAMES if name not in (CROP, "inner 95 %", "inner 90 %")]
    mixed = [
        observation(CROP, {COMPOSITE, COMPOSITE_ALL}),
        observation("inner 95 %", {COMPOSITE_ALL}),
        observation("inner 90 %", {ALL, COMPOSITE_ALL}),
    ]

    lines = dict(line.removeprefix("- **").split("**", 1) for line in report.in_words(Results([*others, *mixed])))

    assert [title for title, text in lines.items() if CROP in text] == ["With `pdq-dhash` listed too (`--signals`)"]
    assert [title for title, text in lines.items() if "inner 95 %" in text] == ["With `pdq-dhash` and both settings"]
    assert [title for title, text in lines.items() if "inner 90 %" in text] == ["With both settings"]


def test_the_document_holds_all_tables() -> None:
    """Every transform, picture and published figure has its row; rendered pictures are counted separately."""
    observations = [*all_found(CROP), *(observation(name, False, "grid") for name in NAMES)]
    results = Results([*observations, observation(CROP, False, "grid", "space/moon")], UNRELATED)
    costs = [Cost(name, (0.004,) * len(SIZES), (Lookup(8, 0.001), Lookup(150, 0.002))) for name in LISTS]
    held = report.goals(list(goals.rows(results.only(["coffee"]), results)))

    text = report.document([("Python", "3")], held, results, costs, photographs())

    assert all(f"\n| {name} " in text for name in NAMES)
    assert all(f"(`{each.published_name}`)" in text for each in PUBLISHED)
    assert "| vnc " in text
    assert "too plain" in text
    assert "That leaves 3." in text
    assert f"pdq + composite, both: grid, {CROP}: matched space/moon." in text
    assert "- phash: space/ball and space/moon." in text
    assert "- pdq: none." in text
    assert f" {len(results.observations) * 4:,} |" in text
    assert f"{figure(1 - 1 / len(NAMES))}" in text


@pytest.mark.parametrize(("share", "text"), [(0, "0"), (0.001, "1"), (0.5, "50"), (0.999, "99"), (1, "100")])
def test_figures_never_round_to_none_or_all(share: float, text: str) -> None:
    """Only none is 0 %, and only all is 100 %."""
    assert figure(share) == text


def test_grid_lines_up() -> None:
    """All lines have the same length, figures are right-aligned."""
    lines = grid(("What", "n"), [("a longer name", "5"), ("b", "1,000")]).splitlines()

    assert len({len(line) for line in lines}) == 1
    assert lines[1].endswith("-: |")
    assert lines[2].endswith("     5 |")


def test_the_heat_map_is_drawn(tmp_path: Path) -> None:
    """A PNG of two columns, whose cells are as dark as their shares are large."""
    path = tmp_path / "map.png"

    heatmap.draw("Title", "Subtitle", report.HEAD, report.panels(Results(all_found(CROP))), path)

    with Image.open(path) as image:
        assert image.format == "PNG"
        assert image.width > 2 * heatmap.LABEL * heatmap.SCALE
        assert heatmap.colour(1.0) in {colour for _, colour in image.convert("RGB").getcolors(2**20)}


def test_colours_darken_steadily() -> None:
    """A larger share is always darker, for readers who cannot tell the hues apart."""
    lightness = [
        sum(level * part for level, part in zip(heatmap.colour(n / 20), (3, 6, 1), strict=True)) for n in range(21)
    ]

    assert lightness == sorted(lightness, reverse=True)


def test_halves_have_nearly_the_same_height() -> None:
    """Groups stay complete and in order, and neither half is higher than it must be."""
    panels = report.panels(Results(all_found()))
    left, right = heatmap.halves(panels)

    assert [*left, *right] == panels
    heights = [sum(panel.height for panel in half) for half in (left, right)]
    assert max(heights) - min(heights) <= max(panel.height for panel in panels)
