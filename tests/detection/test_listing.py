"""What each option makes of a picture, with real hashes and the real matcher."""

import pytest
from PIL import Image, ImageOps
from tests.detection.change import encoded
from tests.detection.changes.crops import cropped
from tests.detection.changes.encoding import listed_file
from tests.detection.changes.marks import BLACK, WHITE, caption
from tests.detection.listing import JOINTS, LISTS, OPTIONS, PDQ, Listing, Look, Option, listed
from tests.hashing.pictures import photograph


def picture(name: str) -> Image.Image:
    return photograph(name).resize((360, 240))


@pytest.fixture(scope="module")
def listing() -> Listing:
    return Listing(
        {name: listed(listed_file(picture(name))) for name in ("coffee", "rocket")},
        {"cat": listed(listed_file(picture("chelsea")))},
    )


def looks(listing: Listing, image: Image.Image, own: str = "coffee") -> dict[str, Look]:
    seen = listing.looks(encoded(image, "JPEG", quality=85), own)
    return {option.name: look for option, look in zip(OPTIONS, seen, strict=True)}


def test_the_same_file_is_found_by_all(listing: Listing) -> None:
    """Every signal type finds the listed file at no distance, and no other photograph or stranger."""
    for look in listing.looks(listed_file(picture("coffee")), "coffee"):
        assert (look.found, look.bits, look.wrong) == (True, 0, ())
        assert look.other
        assert look.stranger
        assert look.other != look.stranger


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


def test_joint_values_find_what_a_pdq_misses(listing: Listing) -> None:
    """A caption moves the PDQ beyond its radius, on a list of every setting; the joint value stays within its own."""
    seen = looks(listing, caption(0.10, WHITE, BLACK, picture("coffee")))

    assert not any(seen[option.name].found for option in PDQ)
    assert all(seen[option.name].found for option in JOINTS)
    assert 31 < (seen["pdq, both"].bits or 0) <= (seen["pdq + joint, both"].bits or 0) <= 72


def test_joint_options_find_what_pdq_finds(listing: Listing) -> None:
    """Mirrored, a picture has no joint value that is near: PDQ's entries on the same list find it all the same."""
    look = looks(listing, ImageOps.mirror(picture("coffee")))["pdq + joint, both"]

    assert look.found
    assert (look.bits or 0) > 72


@pytest.mark.parametrize("option", [*PDQ, *JOINTS], ids=lambda option: option.name)
def test_another_photograph_is_wrong(listing: Listing, option: Option) -> None:
    """A picture that is said to come of one photograph, but is another, counts as a false positive."""
    look = looks(listing, picture("rocket"))[option.name]

    assert (look.found, look.wrong) == (False, ("rocket",))
    assert look.other is not None
    assert look.other <= 8 < (look.bits or 0)


def test_a_stranger_is_wrong(listing: Listing) -> None:
    """So does a picture that matches a stranger, and its distance is no photograph's."""
    seen = looks(listing, picture("chelsea"))

    assert seen.pop("sha256").wrong == ()
    for look in seen.values():
        assert look.wrong == ("cat",)
        assert look.stranger is not None
        assert look.stranger <= 8 < (look.other or 0)


def test_equal_entries_are_of_all_their_pictures() -> None:
    """Two pictures of one value have one entry, which is wrong of either where it is not the picture's own."""
    signals = listed(listed_file(picture("coffee")))
    seen = looks(Listing({"coffee": signals}, {"cup": signals}), picture("coffee"))["pdq, default"]

    assert (seen.found, seen.wrong, seen.bits, seen.stranger) == (True, ("cup",), seen.stranger, seen.bits)
