"""Checks at an origin, over real HTTP."""

import hashlib
from collections.abc import AsyncIterator, Iterator

import pytest
from tests.scenarios.pictures import picture

from edgeward.demo.origin import Origin as Site
from edgeward.origin_check.origin import Origin, OriginState
from edgeward.origin_check.queue import LastCheck
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
    """The first check compares bytes and stores the validators; later ones are conditional and transfer no body."""
    site.put("/a.jpg", BODY)
    first = await origin.check(target(), SHA256[:32], None, 10.0)
    assert first.state is OriginState.SAME
    assert first.checked.at == 10.0
    assert first.checked.etag == site.resources["/a.jpg"].etag
    second = await origin.check(target(), "not looked at", first.checked, 20.0)
    assert (second.state, second.checked) == (
        OriginState.SAME,
        LastCheck(20.0, first.checked.etag, first.checked.last_modified),
    )
    for known in (LastCheck(0.0, etag=first.checked.etag), LastCheck(0.0, last_modified=first.checked.last_modified)):
        assert (await origin.check(target(), "not looked at", known, 30.0)).state is OriginState.SAME


@pytest.mark.parametrize("status", [404, 410, 451])
async def test_removed_images(site: Site, origin: Origin, status: int) -> None:
    """Each of these statuses means that the image was removed."""
    site.put("/a.jpg", b"gone", "text/plain", status=status)
    assert (await origin.check(target(), SHA256, None, 0)).state is OriginState.GONE


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
async def test_an_error_status_means_down(site: Site, origin: Origin, status: int) -> None:
    """An error status says nothing about the image."""
    site.put("/a.jpg", b"sorry", "text/plain", status=status)
    assert (await origin.check(target(), SHA256, None, 0)).state is OriginState.DOWN


async def test_an_unreachable_host_is_down(site: Site) -> None:
    """A refused connection or a missing body does not mean a removal."""
    away = Origin("http://127.0.0.1:1", "img.test", 60.0, 1000)
    assert (await away.check(target(), SHA256, None, 0)).state is OriginState.DOWN
    site.put("/slow.jpg", BODY, delay=30.0)
    slow = Origin(f"http://{site.address}", "img.test", 0.3, 1_000_000)
    assert (await slow.check(target("/slow.jpg"), SHA256, None, 0)).state is OriginState.DOWN


async def test_a_redirect_or_a_page_is_no_removal(site: Site, origin: Origin) -> None:
    """A host in maintenance answers every request like this; that does not mean a removal."""
    site.put("/moved.jpg", b"", None, status=302, headers=[("Location", "http://127.0.0.1:1/")])
    site.put("/page.jpg", b"<html>back soon</html>", "text/html")
    for path, state in (("/moved.jpg", OriginState.UNCLEAR), ("/page.jpg", OriginState.PAGE)):
        assert (await origin.check(target(path), SHA256, None, 0)).state is state


async def test_what_is_declared_as_an_image_is_one(site: Site, origin: Origin) -> None:
    """An SVG, nothing at all, or anything that no decoder reads: other bytes, not a page."""
    for body in (b"<svg xmlns='http://www.w3.org/2000/svg'/>", b"", b"removed"):
        site.put("/a.svg", body, "image/svg+xml")
        assert (await origin.check(target("/a.svg"), SHA256, None, 0)).state is OriginState.OTHER


async def test_an_image_with_other_bytes_is_returned(site: Site, origin: Origin) -> None:
    """Only a hash can tell whether it is another picture."""
    site.put("/a.jpg", picture(2))
    found = await origin.check(target(), SHA256, None, 0)
    assert (found.state, found.body) == (OriginState.OTHER, picture(2))


async def test_a_body_that_is_too_large_is_not_read(site: Site) -> None:
    """It counts as no answer."""
    site.put("/a.jpg", picture(2))
    origin = Origin(f"http://{site.address}", "img.test", 60.0, 1000)
    assert (await origin.check(target(), SHA256, None, 0)).state is OriginState.DOWN


async def test_a_target_that_cannot_be_requested_is_unclear(origin: Origin) -> None:
    """A target with a space fits into no request line, so nothing is known of it."""
    assert (await origin.check(target("/a b"), SHA256, None, 0)).state is OriginState.UNCLEAR
