"""Markdown tables whose columns also line up as plain text."""

from collections.abc import Sequence


def grid(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """The first column is left-aligned, all others, which hold figures, right-aligned."""
    widths = [max(3, *(len(line[column]) for line in (head, *rows))) for column in range(len(head))]
    ruled = ["-" * widths[0], *("-" * (width - 1) + ":" for width in widths[1:])]
    return "\n".join(_line(cells, widths) for cells in (head, ruled, *rows))


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    first, *others = (
        cell.ljust(width) if number == 0 else cell.rjust(width)
        for number, (cell, width) in enumerate(zip(cells, widths, strict=True))
    )
    return f"| {' | '.join((first, *others))} |"


def figure(share: float) -> str:
    """A share of 0..1 in percent, without the sign. Only 0 is shown as 0, and only 1 as 100."""
    return str(min(99, max(1, round(100 * share))) if 0 < share < 1 else round(100 * share))
