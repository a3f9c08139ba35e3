"""An isolated hasher gives the same fingerprints as a process that is not: nothing is left to load."""

import random
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from tests.hashing.pictures import FORMS, animated, formed, photograph

from edgeward.hashing.fingerprint import fingerprint
from edgeward.hashing.hash_request import HashRequest
from edgeward.hashing.hashers.hasher import Hasher
from edgeward.settings.config import HashingSettings
from edgeward.types import View

SETTINGS = HashingSettings(data_uris=True)
EVERYTHING = HashRequest(views=frozenset({View.DIHEDRAL, View.GEOMETRY}), declared="text/html")
SIZE = (96, 80)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def hasher() -> AsyncIterator[Hasher]:
    started = await Hasher.start(SETTINGS)
    yield started
    await started.close()


async def same(hasher: Hasher, body: bytes, request: HashRequest) -> bool:
    """Whether the hasher makes the same fingerprint of `body` as this process."""
    await hasher.begin(body, request)
    return await hasher.answer() == fingerprint(body, SETTINGS, request)


@pytest.mark.asyncio(loop_scope="module")
async def test_every_form_of_picture(hasher: Hasher) -> None:
    """Each format in each mode gives the same fingerprint in an isolated hasher as here."""
    for form in FORMS:
        body = formed(form, photograph().resize(SIZE))
        assert await same(hasher, body, HashRequest()), str(form)


@pytest.mark.asyncio(loop_scope="module")
async def test_every_view_and_type_of_text(hasher: Hasher) -> None:
    """So do animations, all views of a picture, and texts in any encoding."""
    frames = [photograph(name).resize(SIZE) for name in ("astronaut", "coffee")]
    bodies = [animated(frames, format) for format in ("GIF", "PNG", "WEBP", "TIFF", "AVIF", "HEIF", "JXL")]
    for body in bodies:
        assert await same(hasher, body, EVERYTHING)
    for encoding in ("utf-8", "utf-16", "windows-1253", "koi8-r", "no-such"):
        svg = f'<?xml version="1.0" encoding="{encoding}"?><svg><image href="data:,"/></svg>'.encode()
        for declared in ("image/svg+xml", "text/html", "text/css", "text/xml"):
            assert await same(hasher, svg, HashRequest(declared=declared))


@pytest.mark.asyncio(loop_scope="module")
async def test_damaged_pictures(hasher: Hasher) -> None:
    """So do files that are cut short or changed."""
    chance = random.Random(4)
    for form in {form.format: form for form in FORMS}.values():
        whole = formed(form, photograph().resize(SIZE))
        assert await same(hasher, whole[: len(whole) * 2 // 3], HashRequest()), str(form)
        for _ in range(6):
            body = bytearray(whole)
            for at in chance.sample(range(8, len(body)), 4):
                body[at] = chance.randrange(256)
            assert await same(hasher, bytes(body), HashRequest()), str(form)
