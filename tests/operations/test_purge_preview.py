"""What a takedown or a purge would order."""

import time

import pytest

from edgeward.errors import Unavailable
from edgeward.lists.audit_trail import AuditTrail
from edgeward.operations import purge_preview as module
from edgeward.operations.purge_preview import preview
from edgeward.operations.services import Services
from edgeward.operations.takedowns import TakedownRequest
from edgeward.types import Fingerprint, Sighting, Signal, Target

MD5 = Signal("md5", "9" * 32)
NEVER = Target("http", "never.example", "/a.jpg")


async def seen(services: Services, *paths: str, host: str = "photos.example", number: int = 1) -> list[Target]:
    """An image was served at these paths of a host."""
    sha256 = f"{number:02x}" * 32
    image = Fingerprint(sha256, "image/jpeg", 1, (Signal("sha256", sha256), MD5))
    targets = [Target("http", host, path) for path in paths]
    await services.sightings.write([Sighting(each, image, time.time(), 0) for each in targets])
    return targets


async def test_urls_prefixes_and_images_are_counted_by_host(services: Services) -> None:
    """Each target once, and what was never seen is named; nothing is ordered or noted."""
    await seen(services, "/u/1.jpg", "/u/2.jpg", "/v/3.jpg")
    await seen(services, "/u/1.jpg", host="other.example", number=2)
    prefix, nothing = Target("http", "photos.example", "/u/"), Target("http", "photos.example", "/w/")
    found = await preview(services, TakedownRequest(prefixes=(prefix, nothing)))
    assert (found.count, found.hosts, found.at_least) == (2, {"photos.example": 2}, False)
    assert {each.path for each in found.targets} == {"/u/1.jpg", "/u/2.jpg"}
    assert (set(found.forgotten), found.unmatched) == ({prefix, nothing}, [nothing.url])
    by_hash = await preview(services, TakedownRequest(signals=(MD5, Signal("md5", "8" * 32))))
    assert (by_hash.count, by_hash.images, by_hash.unmatched) == (4, 2, [f"md5:{'8' * 32}"])
    assert by_hash.hosts == {"photos.example": 3, "other.example": 1}
    all_of_it = await preview(services, TakedownRequest((NEVER,), (prefix,), (MD5,)))
    assert (all_of_it.count, all_of_it.unmatched) == (4 + 2, [NEVER.url])
    assert sum(all_of_it.hosts.values()) == len(all_of_it.targets) == all_of_it.count
    assert await services.orders.recent(10) == []
    assert await AuditTrail(services.store).latest() == []


async def test_a_url_is_what_the_order_would_be_for(services: Services) -> None:
    """A takedown purges both schemes of it, a purge the URL as given; what it stands for is named once if unseen."""
    (known,) = await seen(services, "/1.jpg?w=2")
    plain = Target("http", known.host, "/1.jpg")
    assert {each.url for each in (await preview(services, TakedownRequest((plain,)))).targets} == {
        *(known.url, plain.url, plain.url.replace("http", "https")),
    }
    found = await preview(services, TakedownRequest((plain,)), both_schemes=False)
    assert ({each.url for each in found.targets}, found.unmatched) == ({known.url, plain.url}, [])
    forms = (NEVER, Target("http", NEVER.host, "/%61.jpg"))
    assert (await preview(services, TakedownRequest(forms, written=(forms,)))).unmatched == [NEVER.url]


async def test_what_is_too_much_is_said(services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    """ "At least" so many: more are not counted, and to look goes on for a limited time only."""
    await seen(services, *(f"/{number}.jpg" for number in range(9)))
    host = TakedownRequest(prefixes=(Target("http", "photos.example", "/"),))
    with monkeypatch.context() as patched:
        patched.setattr(module, "MAX_COUNTED", 5)
        patched.setattr(module, "MAX_NAMED", 3)
        found = await preview(services, host)
        assert (found.count, len(found.targets), found.at_least, found.unmatched) == (5, 3, True, [])
    monkeypatch.setattr(module, "PREVIEW_SECONDS", -1.0)
    assert (await preview(services, host)).at_least
    await services.retromatch.close()
    monkeypatch.setattr(type(services.retromatch), "ready", False)
    with pytest.raises(Unavailable, match="can't be searched yet"):
        await preview(services, TakedownRequest(signals=(MD5,)))
