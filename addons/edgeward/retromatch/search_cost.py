"""What it costs to find the images seen that are near rows of batches, in either direction.

By rows: each value of the rows is searched for among the values of the images, in an index that is sorted anew for each
step (matching/batch_search.py). By images: each value of an image is searched for among the listed rows
(matching/segments/). The figures are of PDQs at radius 31, on the machine of docs/benchmarks.md.
"""

ROW_SECONDS, SECONDS_PER_ROW_AND_IMAGE = 8e-6, 1.8e-10
"""By rows: of each row, and more for each value of an image."""
SORT_SECONDS_PER_IMAGE = 3e-7
"""By rows: of a step, for each value of an image."""
IMAGE_SECONDS, SECONDS_PER_IMAGE_AND_ROW = 9e-5, 6e-11
"""By images: of each value of an image, in each segment of rows, and more for each listed row."""
STEP_SECONDS = 2.0
"""What a step costs about. After each one another controller can continue, and new entries are matched."""
MIN_ROWS, MAX_ROWS = 2_000, 1 << 17
MIN_IMAGES = 200


def by_rows(rows: int, images: int) -> float:
    """Seconds to search for this many rows among this many values of images."""
    return rows * _of_row(images) + max(1, rows // rows_per_step(images)) * SORT_SECONDS_PER_IMAGE * images


def by_images(images: int, listed: int, segments: int) -> float:
    """Seconds to search for this many values of images among this many listed rows, in this many segments."""
    return images * _of_image(listed, segments)


def rows_per_step(images: int) -> int:
    """How many rows a step searches for, by rows, where there are this many values of images."""
    return min(max(MIN_ROWS, int(STEP_SECONDS / _of_row(images))), MAX_ROWS)


def images_per_step(listed: int, segments: int) -> int:
    """How many values of images a step searches for, by images, where this many rows are listed in such segments."""
    return max(MIN_IMAGES, int(STEP_SECONDS / _of_image(listed, segments)))


def _of_row(images: int) -> float:
    return ROW_SECONDS + SECONDS_PER_ROW_AND_IMAGE * images


def _of_image(listed: int, segments: int) -> float:
    return IMAGE_SECONDS * max(segments, 1) + SECONDS_PER_IMAGE_AND_ROW * listed
