"""All transforms, in the order of the table."""

from tests.detection.transforms import crops, encoding, frames, marks, reposts, scenes, sizes, tones, turns

GROUPS = (
    encoding.ENCODING,
    sizes.SIZES,
    tones.DETAIL,
    tones.TONES,
    marks.MARKS,
    frames.FRAMES,
    turns.RIGHT_ANGLES,
    turns.SMALL_ANGLES,
    crops.CROPS,
    scenes.SCENES,
    reposts.REPOSTS,
)
