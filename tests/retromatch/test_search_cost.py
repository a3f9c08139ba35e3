"""What a search costs in either direction."""

import pytest

from edgeward.retromatch import search_cost


def test_the_cheaper_direction() -> None:
    """A million rows and a thousand images: by images, in a second. A few rows and many images: by rows."""
    assert search_cost.by_images(1000, 1_000_000, 1) < min(1.0, search_cost.by_rows(1_000_000, 1000))
    assert search_cost.by_rows(1000, 1_000_000) < search_cost.by_images(1_000_000, 10_000_000, 1)
    # A list of very many small batches is searched for each of them.
    assert search_cost.by_images(1000, 1_000_000, 1000) > search_cost.by_rows(1_000_000, 1000)


@pytest.mark.parametrize("number", [0, 1, 1000, 1_000_000, 100_000_000])
def test_steps_are_bounded(number: int) -> None:
    """A step takes a few seconds, or has the least size that pays off; never none."""
    rows, images = search_cost.rows_per_step(number), search_cost.images_per_step(number, 1)
    assert search_cost.MIN_ROWS <= rows <= search_cost.MAX_ROWS
    assert images >= search_cost.MIN_IMAGES
    assert rows == search_cost.MIN_ROWS or rows * search_cost.by_rows(1, 0) <= 2 * search_cost.STEP_SECONDS
    assert search_cost.by_images(images, number, 1) <= search_cost.STEP_SECONDS or images == search_cost.MIN_IMAGES
