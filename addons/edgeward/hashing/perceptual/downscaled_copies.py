"""PDQs of a picture's smaller copies, to be listed with the picture.

PDQ filters a picture only a little before it takes its 64 x 64 samples. In fine texture, such as brickwork or a page of
text, it sees patterns between the samples (aliasing), and a smaller or softer copy has other patterns: up to 60 bits of
a brick wall's PDQ change when it is halved. If the PDQs of the usual sizes are listed too, copies of those sizes are
found; of most photographs also all sizes in between, of brickwork and text not all.
"""

from collections.abc import Iterator

from PIL import Image

from edgeward.hashing.perceptual.pdq import Pdq, pdq

FACTORS = (4 / 3, 2, 3, 4, 6, 8, 10)
"""How many times smaller the copies are. More factors find hardly more of the sizes in between."""
MIN_DISTANCE = 16
"""A copy whose PDQ is nearer than this to a listed one, half of the radius, is found by that one."""
MIN_COPY_SIDE = 48


def downscaled_pdqs(picture: Image.Image, own: str) -> list[Pdq]:
    """The PDQs of smaller copies of an "L" or "RGB" picture that differ from its `own` PDQ and from each other."""
    known = [int(own, 16)]
    found = []
    for copy in _copies(picture):
        made = pdq(copy)
        value = int(made.value, 16)
        if all((value ^ other).bit_count() > MIN_DISTANCE for other in known):
            known.append(value)
            found.append(made)
    return found


def _copies(picture: Image.Image) -> Iterator[Image.Image]:
    for factor in FACTORS:
        size = (round(picture.width / factor), round(picture.height / factor))
        if min(size) >= MIN_COPY_SIDE:
            yield picture.resize(size, Image.Resampling.LANCZOS)
