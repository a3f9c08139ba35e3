"""Other bytes of the same picture, and placeholders of every kind."""

import base64
import io
import time
from collections.abc import AsyncIterator

import pytest
from PIL import Image
from tests.hashing.pictures import photograph
from tests.scenarios.pictures import picture

from edgeward.hashing.fingerprint import fingerprint
from edgeward.hashing.hash_request import HashRequest
from edgeward.hashing.hashers.pool import HasherPool
from edgeward.origin_check.picture_comparison import Likeness, PictureComparison
from edgeward.settings.config import HashingSettings, SightingsSettings
from edgeward.sightings.sightings import Sightings
from edgeward.store.connection import Store
from edgeward.types import Sighting, Target

SETTINGS = HashingSettings(processes=1, timeout_ms=60_000)
PHOTO = picture(1)


def encoded(image: Image.Image, form: str) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, form)
    return buffer.getvalue()


GREY = encoded(Image.new("RGB", (400, 300), (127, 127, 127)), "JPEG")
PLACEHOLDERS = {
    "grey JPEG": GREY,
    "white PNG": encoded(Image.new("RGB", (600, 400), "white"), "PNG"),
    "1x1 GIF": encoded(Image.new("P", (1, 1)), "GIF"),
    "SVG": b"<svg xmlns='http://www.w3.org/2000/svg'><text>removed</text></svg>",
    "undecodable": PHOTO[:40],
    "text": b"image removed",
    "empty": b"",
    "another picture": picture(2),
}
COPIES = {
    "encoded anew": encoded(photograph(), "WEBP"),
    "resized": encoded(photograph().resize((300, 300)), "PNG"),
}


@pytest.fixture(scope="module")
async def pool() -> AsyncIterator[HasherPool]:
    pool = HasherPool(SETTINGS)
    await pool.start()
    yield pool
    await pool.close()


async def compare(store: Store, pool: HasherPool, seen: bytes, found: bytes, has_pdq: bool = True) -> Likeness:
    """What `found` is to `seen`, which is on record."""
    made = fingerprint(seen, SETTINGS)
    sightings = Sightings(store, SightingsSettings())
    await sightings.write([Sighting(Target("http", "img.test", "/a"), made, time.time(), 0)])
    return await PictureComparison(sightings, pool, has_pdq).compare(made.sha256[:32], found)


@pytest.mark.parametrize("name", PLACEHOLDERS)
async def test_a_placeholder_is_another_picture(store: Store, pool: HasherPool, name: str) -> None:
    """Whatever kind it is, and where the original was of that kind too."""
    assert await compare(store, pool, PHOTO, PLACEHOLDERS[name]) is Likeness.OTHER
    assert await compare(store, pool, GREY + b"\0", PLACEHOLDERS[name]) is Likeness.OTHER


@pytest.mark.parametrize("name", COPIES)
async def test_a_copy_is_the_same_picture(store: Store, pool: HasherPool, name: str) -> None:
    """Some origins encode or scale images anew: these are not removed."""
    assert await compare(store, pool, encoded(photograph(), "JPEG"), COPIES[name]) is Likeness.SAME


async def test_what_cannot_be_compared_now_is_unknown(store: Store, pool: HasherPool) -> None:
    """An image that is not on record, no PDQ by the settings, and a hasher that fails."""
    assert await compare(store, pool, PHOTO, GREY, has_pdq=False) is Likeness.UNKNOWN
    pictures = PictureComparison(Sightings(store, SightingsSettings()), pool, has_pdq=True)
    assert await pictures.compare("ab" * 16, GREY) is Likeness.UNKNOWN
    assert await pictures.is_page("ab" * 16) is None
    busy = HasherPool(HashingSettings(processes=1, timeout_ms=50))
    assert (await busy.fingerprint(PHOTO)).flaw is not None
    made = fingerprint(PHOTO, SETTINGS)
    assert await PictureComparison(pictures._sightings, busy, True).compare(made.sha256[:32], GREY) is Likeness.UNKNOWN


async def test_pages_with_images_are_told_apart(store: Store, pool: HasherPool) -> None:
    """They change with every request."""
    sightings = Sightings(store, SightingsSettings())
    image = base64.b64encode(PHOTO).decode()
    text = f"<html><img src='data:image/jpeg;base64,{image}'>".encode()
    page = fingerprint(text, SETTINGS, HashRequest(declared="text/html"))
    for made in (page, fingerprint(PHOTO, SETTINGS)):
        await sightings.write([Sighting(Target("http", "img.test", "/a"), made, time.time(), 0)])
    pictures = PictureComparison(sightings, pool, has_pdq=True)
    assert page.media_type.startswith("text/")
    assert await pictures.is_page(page.sha256[:32]) is True
    assert await pictures.is_page(fingerprint(PHOTO, SETTINGS).sha256[:32]) is False
