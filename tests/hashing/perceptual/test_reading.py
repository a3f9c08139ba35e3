"""The frames of a file: distinct ones are hashed, up to a number, and what is missing has a name."""

import pytest
from PIL import Image, ImageDraw
from tests.hashing.orientations import oriented, turned
from tests.hashing.perceptual.test_pdq import reference
from tests.hashing.pictures import distance, encoded, noise, photograph

from edgeward.config import HashingSettings
from edgeward.hashing.perceptual import reading
from edgeward.hashing.perceptual.reading import read
from edgeward.hashing.request import HashRequest
from edgeward.types import Flaw, Signal, View

NAMES = ("astronaut", "coffee", "chelsea", "camera")
FRAMES = [photograph(name).resize((160, 120)) for name in NAMES]
FLAT = Image.new("RGB", (160, 120), "navy")


def animated(frames: list[Image.Image], format: str = "WEBP") -> bytes:
    lossless = {"lossless": True} if format == "WEBP" else {}
    return encoded(frames[0], format, save_all=True, append_images=frames[1:], **lossless)


def pdqs(
    frames: list[Image.Image], max_frames: int = 16, format: str = "WEBP"
) -> tuple[list[tuple[int, str]], Flaw | None]:
    settings = HashingSettings(signals=("sha256", "pdq"), max_frames=max_frames)
    media_type = {"WEBP": "image/webp", "PNG": "image/png", "TIFF": "image/tiff"}[format]
    found = read(animated(frames, format), media_type, settings, HashRequest())
    return [(signal.frame, signal.value) for signal in found.signals if signal.view is View.STORED], found.flaw


def values(*numbers: int) -> list[tuple[int, str]]:
    return [(at, reference(FRAMES[number])[0]) for at, number in enumerate(numbers)]


def slightly_other(picture: Image.Image) -> Image.Image:
    copy = picture.copy()
    ImageDraw.Draw(copy).point((70, 50), fill="white")
    return copy


@pytest.mark.parametrize("format", ["WEBP", "PNG", "TIFF"])
def test_every_distinct_frame_is_hashed(format: str) -> None:
    """Each frame has signals, with its number in the file."""
    assert pdqs(FRAMES, format=format) == (values(0, 1, 2, 3), None)


def test_frames_that_hardly_differ_count_once() -> None:
    """A frame that is nearly one before it is passed over, and does not use up the limit."""
    one, other = FRAMES[:2]
    assert 0 <= distance(reference(one)[0], reference(slightly_other(one))[0]) <= 4
    frames = [one, slightly_other(one), other, slightly_other(other), one]
    found, flaw = pdqs(frames, max_frames=2)
    assert [at for at, _ in found] == [0, 2]
    assert flaw is None


def test_more_distinct_frames_than_allowed() -> None:
    """The first have their signals; the flaw says that there are others. As many as allowed are no flaw."""
    assert pdqs(FRAMES, max_frames=3) == (values(0, 1, 2), Flaw.TOO_MANY_FRAMES)
    assert pdqs(FRAMES, max_frames=4) == (values(0, 1, 2, 3), None)


def test_frames_looked_at_are_bounded() -> None:
    """Nobody hides a picture behind a thousand frames of nothing without a flaw that says so."""
    grey = [Image.new("RGB", (160, 120), (tone, 0, 0)) for tone in range(reading.FRAMES_LOOKED_AT)]
    assert pdqs([*grey[:-1], FRAMES[0]], max_frames=1)[1] is None
    assert pdqs([*grey, FRAMES[0]], max_frames=1) == ([], Flaw.TOO_MANY_FRAMES)


def test_flat_frames_are_passed_over() -> None:
    """A frame that says too little has no signals and no say: FLAT only where there is no other."""
    found, flaw = pdqs([FLAT, FRAMES[0], FLAT])
    assert (len(found), found[0][0], flaw) == (1, 1, None)
    assert pdqs([FLAT]) == ([], Flaw.FLAT)
    assert pdqs([FRAMES[0].resize((16, 12))]) == ([], Flaw.TOO_SMALL)


def test_signals_of_one_image_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """What does not fit is a frame too many, and those before it are there."""
    monkeypatch.setattr(reading, "MAX_SIGNALS", 2)
    assert pdqs(FRAMES) == (values(0, 1), Flaw.TOO_MANY_FRAMES)


def test_few_frames_are_searched() -> None:
    """The search over geometry is made of the first distinct frames only: it costs more than all else together."""
    frames = [frame.transpose(Image.Transpose(turn)) for frame in FRAMES for turn in (0, 1)]
    request = HashRequest(views=frozenset({View.SEARCHED}))
    found = read(animated(frames), "image/webp", HashingSettings(signals=("sha256", "pdq")), request)
    searched = {signal.frame for signal in found.signals if signal.view is View.SEARCHED}
    assert searched == set(range(reading.FRAMES_OF[View.SEARCHED]))
    assert {signal.frame for signal in found.signals} == set(range(8))


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP"])
def test_the_orientation_of_files(format: str) -> None:
    """A photograph that is stored on its side matches as stored and as shown, drafted or not."""
    picture = photograph("astronaut").resize((1100, 1030) if format == "JPEG" else (300, 200))
    options = {"WEBP": {"lossless": True}, "JPEG": {"quality": 90}}.get(format, {})
    body = oriented(picture, 6, format, **options)
    for exact in (True, False):
        found = read(body, f"image/{format.lower()}", HashingSettings(), HashRequest(exact=exact)).signals
        for view, shown in ((View.STORED, picture), (View.SHOWN, turned(picture, 6))):
            (signal,) = (each for each in found if each.type == "pdq" and each.view is view)
            assert distance(signal.value, reference(shown)[0]) <= (4 if format == "JPEG" else 0)


def test_a_broken_file_is_read_as_far_as_it_goes() -> None:
    """Frames before the damage have signals; where none can be read the flaw says so."""
    body = encoded(noise((200, 200)), "PNG")
    whole, cut = (read(part, "image/png", HashingSettings(), HashRequest()) for part in (body, body[:-500]))
    assert _first(whole.signals).type == _first(cut.signals).type == "pdq"
    assert whole.size == cut.size == (200, 200)
    assert read(b"\x89PNG\r\n\x1a\n", "image/png", HashingSettings(), HashRequest()) == ((), Flaw.UNDECODABLE, (0, 0))


def _first(signals: tuple[Signal, ...]) -> Signal:
    return signals[0]
