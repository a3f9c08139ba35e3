"""Images that people send in."""

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
from tests.support.controllers import photo

from edgeward.errors import BadImage, Unavailable
from edgeward.hashing.hashers.pool import HasherPool
from edgeward.operations.image_hashing import fingerprint
from edgeward.operations.services import Services
from edgeward.settings.config import HashingSettings
from edgeward.types import Flaw, View


@pytest.fixture
async def hashing(services: Services) -> AsyncIterator[Services]:
    """Services with one running hasher."""
    pool = HasherPool(HashingSettings(processes=1, timeout_ms=60_000))
    await pool.start()
    yield replace(services, hashers=pool)
    await pool.close()


async def test_an_image_is_hashed_in_the_views_asked_for(hashing: Services) -> None:
    """The stored view is always there; one that can't be decoded has its digests and a flaw."""
    hashed = await fingerprint(hashing, photo(), frozenset({View.DIHEDRAL}))
    assert {View.STORED, View.DIHEDRAL} <= {signal.view for signal in hashed.signals}
    broken = await fingerprint(hashing, photo(image_format="PNG")[:40] + b"broken")
    assert (broken.flaw, {signal.type for signal in broken.signals}) == (Flaw.UNDECODABLE, {"sha256", "sha1", "md5"})
    for body in (b"", b"hello, world, this is not an image"):
        with pytest.raises(BadImage):
            await fingerprint(hashing, body)


async def test_busy_hashers_are_an_error(services: Services) -> None:
    """The caller is asked to try again. (Without a hasher, an image waits for one in vain.)"""
    pool = HasherPool(HashingSettings(processes=1, timeout_ms=100))
    with pytest.raises(Unavailable, match="try again"):
        await fingerprint(replace(services, hashers=pool), photo())
