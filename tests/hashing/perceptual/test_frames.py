"""The distinct frames of a file are hashed, up to a limit, and a flaw says what is missing."""

import pytest
from PIL import Image, ImageDraw
from tests.hashing.orientations import oriented, turned
from tests.hashing.pdq_reference import reference_pdq
from tests.hashing.pictures import distance, encoded, noise, photograph

from edgeward.hashing.hash_request import HashRequest
from edgeward.hashing.perceptual import frames
from edgeward.hashing.perceptual.frames import frame_signals
from edgeward.settings.config import HashingSettings
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
    found = frame_signals(animated(frames, format), media_type, settings, HashRequest())
    return [(signal.frame, signal.value) for signal in found.signals if signal.view is View.STORED], found.flaw


def values(*numbers: int) -> list[tuple[int, str]]:
    return [(at, reference_pdq(FRAMES[number])[0]) for at, number in enumerate(numbers)]


def slightly_other(picture: Image.Image) -> Image.Image:
    copy = picture.copy()
    ImageDraw.Draw(copy).point((70, 50), fill="white")
    return copy


@pytest.mark.parametrize("format", ["WEBP", "PNG", "TIFF"])
def test_every_distinct_frame_is_hashed(format: str) -> None:
    """Each frame has signals, with its number in the file."""
    assert pdqs(FRAMES, format=format) == (values(0, 1, 2, 3), None)


def test_frames_that_hardly_differ_count_once() -> None:
    """A frame that is nearly equal to an earlier one is skipped, and does not count against the limit."""
    one, other = FRAMES[:2]
    assert 0 <= distance(reference_pdq(one)[0], reference_pdq(slightly_other(one))[0]) <= 4
    frames = [one, slightly_other(one), other, slightly_other(other), one]
    found, flaw = pdqs(frames, max_frames=2)
    assert [at for at, _ in found] == [0, 2]
    assert flaw is None


def test_more_distinct_frames_than_allowed() -> None:
    """The first frames have signals, and the flaw says that there are more. Exactly as many as allowed are no flaw."""
    assert pdqs(FRAMES, max_frames=3) == (values(0, 1, 2), Flaw.TOO_MANY_FRAMES)
    assert pdqs(FRAMES, max_frames=4) == (values(0, 1, 2, 3), None)


def test_decoded_frames_are_limited() -> None:
    """A picture behind a thousand frames of nothing is not read, and the flaw says so."""
    grey = [Image.new("RGB", (160, 120), (tone, 0, 0)) for tone in range(frames.DECODED_FRAMES_FACTOR)]
    assert pdqs([*grey[:-1], FRAMES[0]], max_frames=1)[1] is None
    assert pdqs([*grey, FRAMES[0]], max_frames=1) == ([], Flaw.TOO_MANY_FRAMES)


def test_flat_frames_are_skipped() -> None:
    """A flat frame has no signals; the flaw is FLAT only if no other frame has any."""
    found, flaw = pdqs([FLAT, FRAMES[0], FLAT])
    assert (len(found), found[0][0], flaw) == (1, 1, None)
    assert pdqs([FLAT]) == ([], Flaw.FLAT)
    assert pdqs([FRAMES[0].resize((16, 12))]) == ([], Flaw.TOO_SMALL)


def test_signals_of_one_image_are_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    """A frame that exceeds the limit of signals is one too many; those before it are hashed."""
    monkeypatch.setattr(frames, "MAX_SIGNALS_PER_IMAGE", 2)
    assert pdqs(FRAMES) == (values(0, 1), Flaw.TOO_MANY_FRAMES)


def test_geometry_is_computed_for_few_frames() -> None:
    """GEOMETRY is computed for the first distinct frames only: it costs more than all else together."""
    pictures = [frame.transpose(Image.Transpose(turn)) for frame in FRAMES for turn in (0, 1)]
    request = HashRequest(views=frozenset({View.GEOMETRY}))
    found = frame_signals(animated(pictures), "image/webp", HashingSettings(signals=("sha256", "pdq")), request)
    searched = {signal.frame for signal in found.signals if signal.view is View.GEOMETRY}
    assert searched == set(range(frames.MAX_FRAMES_OF_VIEW[View.GEOMETRY]))
    assert {signal.frame for signal in found.signals} == set(range(8))


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP"])
def test_the_orientation_of_files(format: str) -> None:
    """A photograph stored on its side matches as stored and as shown, drafted or not."""
    picture = photograph("astronaut").resize((1100, 1030) if format == "JPEG" else (300, 200))
    options = {"WEBP": {"lossless": True}, "JPEG": {"quality": 90}}.get(format, {})
    body = oriented(picture, 6, format, **options)
    for exact in (True, False):
        found = frame_signals(body, f"image/{format.lower()}", HashingSettings(), HashRequest(exact=exact)).signals
        for view, shown in ((View.STORED, picture), (View.SHOWN, turned(picture, 6))):
            (signal,) = (each for each in found if each.type == "pdq" and each.view is view)
            assert distance(signal.value, reference_pdq(shown)[0]) <= (4 if format == "JPEG" else 0)


def test_a_broken_file_is_read_as_far_as_it_goes() -> None:
    """Frames before the damage have signals; if none can be read, the flaw says so."""
    body = encoded(noise((200, 200)), "PNG")
    whole, cut = (frame_signals(part, "image/png", HashingSettings(), HashRequest()) for part in (body, body[:-500]))
    assert _first(whole.signals).type == _first(cut.signals).type == "pdq"
    assert whole.size == cut.size == (200, 200)
    assert frame_signals(b"\x89PNG\r\n\x1a\n", "image/png", HashingSettings(), HashRequest()) == (
        (),
        Flaw.UNDECODABLE,
        (0, 0),
    )


def _first(signals: tuple[Signal, ...]) -> Signal:
    return signals[0]
