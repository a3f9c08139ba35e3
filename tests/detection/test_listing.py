"""What each option makes of a picture, with real hashes and the real matcher."""

import pytest
from PIL import Image, ImageOps
from tests.detection.change import encoded
from tests.detection.changes.crops import cropped
from tests.detection.changes.encoding import listed_file
from tests.detection.listing import LISTS, OPTIONS, Entries, Listing, Look, Option
from tests.hashing.pictures import photograph


def picture(name: str) -> Image.Image:
    return photograph(name).resize((360, 240))


@pytest.fixture(scope="module")
def listing() -> Listing:
    return Listing({name: listed_file(picture(name)) for name in ("coffee", "rocket")})


def looks(listing: Listing, image: Image.Image, own: str = "coffee") -> dict[str, Look]:
    seen = listing.looks(encoded(image, "JPEG", quality=85), own)
    return {option.name: look for option, look in zip(OPTIONS, seen, strict=True)}


def test_the_same_file_is_found_by_all(listing: Listing) -> None:
    """Every signal type finds the listed file at no distance, and no other photograph."""
    for look in listing.looks(listed_file(picture("coffee")), "coffee"):
        assert (look.found, look.bits, look.strangers) == (True, 0, 0)
        assert look.other


def test_another_encoding_is_no_longer_the_same_file(listing: Listing) -> None:
    """Digests miss what is only re-encoded; perceptual hashes do not."""
    found = {name: look.found for name, look in looks(listing, picture("coffee")).items()}

    assert not found.pop("sha256")
    assert all(found.values())


def test_a_list_takes_the_views_that_it_asks_for(listing: Listing) -> None:
    """A mirrored picture is found with rotations, a cropped one with geometry, and neither without."""
    mirrored = looks(listing, ImageOps.mirror(picture("coffee")))
    trimmed = looks(listing, cropped((0.05, 0, 0, 0), picture("coffee")))

    for seen, wanted in ((mirrored, {"rotations", "both"}), (trimmed, {"geometry", "both"})):
        by_setting = {setting: seen[Option("pdq", setting).name] for setting in LISTS}
        assert {setting for setting, look in by_setting.items() if look.found} == wanted
        assert {setting for setting, look in by_setting.items() if (look.bits or 0) <= 31} == wanted


def test_another_photograph_is_a_stranger(listing: Listing) -> None:
    """A picture that is said to come of one photograph, but is another, counts as a false positive."""
    look = looks(listing, picture("rocket"))["pdq, default"]

    assert (look.found, look.strangers) == (False, 1)
    assert look.other is not None
    assert look.other <= 4 < (look.bits or 0)


def test_nearest_is_over_all_pairs() -> None:
    """The least distance of any value to any entry, its own photograph's and the others'; None where there is none."""
    entries = Entries([("own", "0000000000000000"), ("own", "00000000000000ff"), ("other", "ffff000000000000")])

    assert entries.nearest(["ff00000000000000", "0000000000000001"], "own") == (1, 8)
    assert entries.nearest(["0000000000000001"], "third") == (None, 1)
    assert entries.nearest([], "own") == (None, None)
    assert Entries([]).nearest(["0000000000000001"], "own") == (None, None)
