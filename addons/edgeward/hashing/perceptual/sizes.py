"""A picture as its smaller copies will look, for the lists that it is put on.

PDQ filters a picture little before it takes its 64 x 64 samples. Of fine texture, brickwork or a page of text, it keeps
patterns that lie between the samples, and a smaller or softer copy has others: up to 60 bits of a brick wall's PDQ
change when it is halved. What is listed with the picture itself then finds these copies too: those of the usual sizes,
and of most photographs all others. Of brickwork and pages of text sizes in between can be missed all the same.
"""

from collections.abc import Iterator

from PIL import Image

from edgeward.hashing.perceptual.pdq import Pdq, pdq

FACTORS = (4 / 3, 2, 3, 4, 6, 8, 10)
"""By how much copies are smaller. More of them find hardly more of the sizes in between."""
APART = 16
"""A copy whose PDQ lies no further than so many bits, half of the radius, from one that is listed needs none."""
LEAST_SIDE = 48


def smaller(picture: Image.Image, own: str) -> list[Pdq]:
    """The PDQs of smaller copies of an "L" or "RGB" picture that differ from its `own` and from one another."""
    known = [int(own, 16)]
    found = []
    for copy in _copies(picture):
        made = pdq(copy)
        value = int(made.value, 16)
        if all((value ^ other).bit_count() > APART for other in known):
            known.append(value)
            found.append(made)
    return found


def _copies(picture: Image.Image) -> Iterator[Image.Image]:
    for factor in FACTORS:
        size = (round(picture.width / factor), round(picture.height / factor))
        if min(size) >= LEAST_SIDE:
            yield picture.resize(size, Image.Resampling.LANCZOS)
