"""Results of each option, with real hashes and the real matcher."""

import pytest
from PIL import Image, ImageOps
from tests.detection.list_options import COMPOSITES, LISTS, OPTIONS, PDQ, Detection, ListedImages, Option, listed
from tests.detection.transform import encoded
from tests.detection.transforms.crops import cropped
from tests.detection.transforms.encoding import listed_file
from tests.detection.transforms.marks import BLACK, WHITE, caption
from tests.hashing.pictures import photograph


def picture(name: str) -> Image.Image:
    return photograph(name).resize((360, 240))


@pytest.fixture(scope="module")
def listed_images() -> ListedImages:
    return ListedImages(
        {name: listed(listed_file(picture(name))) for name in ("coffee", "rocket")},
        {"cat": listed(listed_file(picture("chelsea")))},
    )


def detections(listed_images: ListedImages, image: Image.Image, own: str = "coffee") -> dict[str, Detection]:
    seen = listed_images.detections(encoded(image, "JPEG", quality=85), own)
    return {option.name: detection for option, detection in zip(OPTIONS, seen, strict=True)}


def test_the_same_file_is_found_by_all(listed_images: ListedImages) -> None:
    """Every signal type finds the listed file at distance 0, and no other picture."""
    for detection in listed_images.detections(listed_file(picture("coffee")), "coffee"):
        assert (detection.found, detection.bits, detection.wrong) == (True, 0, ())
        assert detection.other
        assert detection.unrelated
        assert detection.other != detection.unrelated


def test_another_encoding_is_no_longer_the_same_file(listed_images: ListedImages) -> None:
    """Digests miss a re-encoded picture; perceptual hashes do not."""
    found = {name: detection.found for name, detection in detections(listed_images, picture("coffee")).items()}

    assert not found.pop("sha256")
    assert all(found.values())


def test_a_list_uses_the_views_it_asks_for(listed_images: ListedImages) -> None:
    """A mirrored picture is found with rotations, a cropped one with geometry, and neither without."""
    mirrored = detections(listed_images, ImageOps.mirror(picture("coffee")))
    trimmed = detections(listed_images, cropped((0.05, 0, 0, 0), picture("coffee")))

    for seen, wanted in ((mirrored, {"rotations", "both"}), (trimmed, {"geometry", "both"})):
        by_setting = {setting: seen[Option("pdq", setting).name] for setting in LISTS}
        assert {setting for setting, detection in by_setting.items() if detection.found} == wanted
        assert {setting for setting, detection in by_setting.items() if (detection.bits or 0) <= 31} == wanted


def test_composite_values_find_what_a_pdq_misses(listed_images: ListedImages) -> None:
    """A caption moves the PDQ beyond its radius, with every setting; the composite value stays within its own."""
    seen = detections(listed_images, caption(0.10, WHITE, BLACK, picture("coffee")))

    assert not any(seen[option.name].found for option in PDQ)
    assert all(seen[option.name].found for option in COMPOSITES)
    assert 31 < (seen["pdq, both"].bits or 0) <= (seen["pdq + composite, both"].bits or 0) <= 72


def test_composite_options_find_what_pdq_finds(listed_images: ListedImages) -> None:
    """A mirrored picture has no composite value that is near, but PDQ entries on the same list find it."""
    detection = detections(listed_images, ImageOps.mirror(picture("coffee")))["pdq + composite, both"]

    assert detection.found
    assert (detection.bits or 0) > 72


@pytest.mark.parametrize("option", [*PDQ, *COMPOSITES], ids=lambda option: option.name)
def test_another_photograph_is_wrong(listed_images: ListedImages, option: Option) -> None:
    """A match with another photograph than the picture's own is a false positive."""
    detection = detections(listed_images, picture("rocket"))[option.name]

    assert (detection.found, detection.wrong) == (False, ("rocket",))
    assert detection.other is not None
    assert detection.other <= 8 < (detection.bits or 0)


def test_an_unrelated_image_is_wrong(listed_images: ListedImages) -> None:
    """A match with an unrelated image is a false positive; its distance is kept apart from photographs'."""
    seen = detections(listed_images, picture("chelsea"))

    assert seen.pop("sha256").wrong == ()
    for detection in seen.values():
        assert detection.wrong == ("cat",)
        assert detection.unrelated is not None
        assert detection.unrelated <= 8 < (detection.other or 0)


def test_equal_entries_belong_to_all_their_pictures() -> None:
    """Two pictures with one value share an entry: a match is a false positive for the other one."""
    signals = listed(listed_file(picture("coffee")))
    seen = detections(ListedImages({"coffee": signals}, {"cup": signals}), picture("coffee"))["pdq, default"]

    assert (seen.found, seen.wrong, seen.bits, seen.unrelated) == (True, ("cup",), seen.unrelated, seen.bits)
