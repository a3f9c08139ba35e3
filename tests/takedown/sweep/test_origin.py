"""What an origin is found to hold, asked over real HTTP."""

import hashlib
from collections.abc import AsyncIterator, Iterator

import pytest
from tests.scenarios.pictures import picture

from edgeward.demo.origin import Origin as Site
from edgeward.takedown.sweep.origin import Holds, Origin
from edgeward.takedown.sweep.queue import Checked
from edgeward.types import Target

BODY = picture(1)
SHA256 = hashlib.sha256(BODY).hexdigest()


@pytest.fixture
def site() -> Iterator[Site]:
    with Site() as site:
        yield site


@pytest.fixture
async def origin(site: Site) -> AsyncIterator[Origin]:
    origin = Origin(f"http://{site.address}", "img.test", 60.0, 1_000_000)
    yield origin
    origin.close()


def target(path: str = "/a.jpg") -> Target:
    return Target("https", "img.test", path)


async def test_the_same_image_is_the_same(site: Site, origin: Origin) -> None:
    """First by its bytes, with the validators kept; from then on by condition, without the bytes."""
    site.put("/a.jpg", BODY)
    first = await origin.look(target(), SHA256[:32], None, 10.0)
    assert first.holds is Holds.SAME
    assert first.checked.at == 10.0
    assert first.checked.etag == site.resources["/a.jpg"].etag
    second = await origin.look(target(), "not looked at", first.checked, 20.0)
    assert (second.holds, second.checked) == (
        Holds.SAME,
        Checked(20.0, first.checked.etag, first.checked.last_modified),
    )
    for known in (Checked(0.0, etag=first.checked.etag), Checked(0.0, last_modified=first.checked.last_modified)):
        assert (await origin.look(target(), "not looked at", known, 30.0)).holds is Holds.SAME


@pytest.mark.parametrize("status", [404, 410, 451])
async def test_removed_is_removed(site: Site, origin: Origin, status: int) -> None:
    """By each of the statuses that say so."""
    site.put("/a.jpg", b"gone", "text/plain", status=status)
    assert (await origin.look(target(), SHA256, None, 0)).holds is Holds.GONE


@pytest.mark.parametrize("status", [401, 403, 429, 500, 502, 503, 504])
async def test_a_host_that_does_not_answer_for_itself_is_down(site: Site, origin: Origin, status: int) -> None:
    """An error of the server says nothing of the image."""
    site.put("/a.jpg", b"sorry", "text/plain", status=status)
    assert (await origin.look(target(), SHA256, None, 0)).holds is Holds.DOWN


async def test_a_host_that_is_away_or_hangs_is_down(site: Site) -> None:
    """Neither a refused connection nor a body that does not come is a removal."""
    away = Origin("http://127.0.0.1:1", "img.test", 60.0, 1000)
    assert (await away.look(target(), SHA256, None, 0)).holds is Holds.DOWN
    site.put("/slow.jpg", BODY, delay=30.0)
    slow = Origin(f"http://{site.address}", "img.test", 0.3, 1_000_000)
    assert (await slow.look(target("/slow.jpg"), SHA256, None, 0)).holds is Holds.DOWN


async def test_a_redirect_or_a_page_is_no_removal(site: Site, origin: Origin) -> None:
    """A host in maintenance answers everything so; nothing is purged for it."""
    site.put("/moved.jpg", b"", None, status=302, headers=[("Location", "http://127.0.0.1:1/")])
    site.put("/page.jpg", b"<html>back soon</html>", "text/html")
    for path in ("/moved.jpg", "/page.jpg"):
        assert (await origin.look(target(path), SHA256, None, 0)).holds is Holds.UNCLEAR


async def test_other_bytes_of_an_image_are_handed_on(site: Site, origin: Origin) -> None:
    """Whether they show another picture is for a hash to tell."""
    site.put("/a.jpg", picture(2))
    found = await origin.look(target(), SHA256, None, 0)
    assert (found.holds, found.body) == (Holds.OTHER, picture(2))


async def test_what_is_too_large_is_not_read(site: Site) -> None:
    """It counts as an answer that did not come: nothing is purged."""
    site.put("/a.jpg", picture(2))
    origin = Origin(f"http://{site.address}", "img.test", 60.0, 1000)
    assert (await origin.look(target(), SHA256, None, 0)).holds is Holds.DOWN


async def test_a_target_that_no_request_can_carry_is_left_alone(origin: Origin) -> None:
    """It can't be asked for, so nothing is known."""
    assert (await origin.look(target("/a b"), SHA256, None, 0)).holds is Holds.UNCLEAR
