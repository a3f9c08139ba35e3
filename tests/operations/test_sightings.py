"""Sightings as people ask for them."""

import time

import pytest

from edgeward.errors import InvalidValue
from edgeward.operations import sightings
from edgeward.operations.services import Services
from edgeward.types import Fingerprint, Sighting, Signal, Target

IMAGES = [Fingerprint(digit * 64, "image/jpeg", 9, (Signal("sha256", digit * 64),)) for digit in "ab"]
STORED = [
    Target("http", "xn--mnchen-3ya.example", path)
    for path in ("/gr%C3%B6%C3%9Fe.jpg", "/gr\xc3\xb6\xc3\x9fe.jpg#top", "/gr%F6%DFe.jpg;v=1", "\\gr\xf6\xdfe.jpg?w=1")
]


async def see(services: Services) -> None:
    now = time.time()
    seen = [Sighting(target, IMAGES[0], now - number, 0) for number, target in enumerate(STORED)]
    await services.sightings.write([*seen, Sighting(STORED[0], IMAGES[1], now - 9, 0)])


async def test_a_url_as_people_write_it(services: Services) -> None:
    """Each form that was seen is found, newest first, in whatever form it is asked for."""
    await see(services)
    for url in ("http://München.example/größe.jpg", "https://xn--mnchen-3ya.example./x/../gr%c3%b6ße.jpg#y"):
        found = await sightings.find(services, url)
        assert [each.target for each in found] == [*STORED, STORED[0]]
    shown = "http://xn--mnchen-3ya.example/gr\xc3\xb6\xc3\x9fe.jpg"
    assert len(await sightings.find(services, shown)) == len(STORED) + 1
    assert len(await sightings.find(services, "http://münchen.example/größe.jpg?w=1")) == 1
    assert await sightings.find(services, "http://münchen.example/grosse.jpg") == []


async def test_a_url_and_an_image(services: Services) -> None:
    """Both must fit, and the limit holds."""
    await see(services)
    url = "http://münchen.example/größe.jpg"
    assert [each.sha256 for each in await sightings.find(services, url, "b" * 64)] == ["b" * 64]
    assert [each.target for each in await sightings.find(services, url, limit=2)] == STORED[:2]
    assert len(await sightings.find(services, sha256="a" * 64)) == len(STORED)


async def test_no_url(services: Services) -> None:
    """It is named, as in a takedown."""
    with pytest.raises(InvalidValue, match="begin with") as caught:
        await sightings.find(services, "münchen.example/a")
    assert caught.value.key == "url"
