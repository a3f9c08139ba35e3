"""The arithmetic behind the published figures."""

import pytest
from tests.bench.measurement import Budget, Row, Section, interleaved, percentile, quantity, ratio, summary, table


def row(figure: float, budget: Budget | None = None, what: str = "a row") -> Row:
    return Row(what, "1 ms", "2 ms", figure, "x", budget)


def test_interleaved_takes_turns() -> None:
    """Contenders are measured in turn, the warm-up is not counted, and there are as many rounds as asked for."""
    calls: list[str] = []

    def contender(name: str) -> float:
        calls.append(name)
        return float(len(calls))

    values = interleaved([lambda: contender("a"), lambda: contender("b")], seconds=0, least=3)

    assert calls == ["a", "b"] * 4
    assert values == [[3, 5, 7], [4, 6, 8]]


def test_ratio_is_of_medians() -> None:
    """One outlier on either side does not move the ratio."""
    assert ratio([1, 2, 900], [4, 4, 0.001]) == 0.5


@pytest.mark.parametrize(("share", "value"), [(0.5, 50), (0.99, 99), (1.0, 100), (0.0, 1)])
def test_percentile_is_a_value_that_was_measured(share: float, value: float) -> None:
    """The percentile of 1..100 is the number itself, in any order."""
    assert percentile([float(number) for number in range(100, 0, -1)], share) == value


def test_percentile_of_one_value() -> None:
    """A single value is every percentile."""
    assert percentile([7.0], 0.99) == percentile([7.0], 0.5) == 7.0


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.012345, "0.0123"), (1.2345, "1.23"), (123.45, "123"), (81234.5, "81,234"), (0, "0"), (0.25, "0.250")],
)
def test_quantities_keep_three_digits(value: float, text: str) -> None:
    """Small numbers keep their digits, large ones lose no magnitude."""
    assert quantity(value) == text
    assert quantity(value, "ms") == f"{text} ms"


@pytest.mark.parametrize(
    ("sign", "figure", "met"),
    [("<=", 0.25, True), ("<=", 0.26, False), (">=", 0.25, True), (">=", 0.24, False)],
)
def test_a_budget_includes_its_limit(sign: str, figure: float, met: bool) -> None:
    """The limit itself is still within the budget."""
    assert row(figure, Budget(sign, 0.25)).met is met  # type: ignore[arg-type]


def test_table_says_what_is_missed() -> None:
    """Each row says its budget and whether it is met; a row without one says neither yes nor no."""
    lines = table([row(0.5, Budget("<=", 0.25)), row(2.0, Budget(">=", 1.7)), row(3.0)]).splitlines()

    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    assert cells[0] == ["What", "Edgeward", "Against", "Figure", "Budget", "Met"]
    assert set("".join(cells[1])) == {"-"}
    assert [line[3:] for line in cells[2:]] == [
        ["0.500 x", "<= 0.25 x", "NO"],
        ["2.00 x", ">= 1.7 x", "yes"],
        ["3.00 x", "none", ""],
    ]
    assert len({len(line) for line in lines}) == 1


def test_summary_names_what_is_missed() -> None:
    """The last line counts budgets, not rows, and names those that were missed."""
    rows = [row(1, Budget("<=", 2), "fast"), row(3, Budget("<=", 2), "slow"), row(9)]

    assert summary([Section("", "", rows)]) == "1 of 2 budgets met; missed: slow."
    assert summary([Section("", "", rows[:1])]) == "1 of 1 budgets met."
