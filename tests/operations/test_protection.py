"""What must not be blocked without a second person."""

from pathlib import Path

import pytest
from tests.operations.guarded import guarded, judged, with_guard
from tests.support.seen_images import md5, see, seen_image

from edgeward.operations import lists
from edgeward.operations.protection import Protection
from edgeward.operations.services import Services
from edgeward.store.connection import Store
from edgeward.types import Entry, HashList, ListKind, Mode, Signal, Target

PDQ = "0f" * 32


async def protect(services: Services, *signals: Signal, mode: Mode = Mode.MONITOR) -> None:
    """List signals on a protect-list."""
    await lists.create(services, HashList("ours", ListKind.ALLOW, mode, protect=True), "ana", "")
    await services.list_store.add_entries([Entry("ours", each) for each in signals], "ana")
    await services.list_store.wait_applied(await services.list_store.version(), 30.0)


async def test_an_entry_of_a_protect_list_holds(store: Store, tmp_path: Path) -> None:
    """Though no such image was seen, in any mode of the protect-list, and within the radius of the new entry."""
    async with guarded(store, tmp_path, {}) as services:
        await see(services, seen_image(1))
        await protect(services, Signal("pdq", PDQ, 100), md5(7))
        near = Signal("pdq", PDQ[:-10] + "f0" * 5, 100)  # 40 bits away
        assert not (await judged(services, HashList("a"), near)).is_held
        held = await judged(services, HashList("a", radius={"pdq": 40}), near, md5(7), md5(8))
        assert held.reasons == ("it matches 2 entries of protect-lists",)
        plain = HashList("plain", ListKind.ALLOW)
        await lists.create(services, plain, "ana", "")
        await services.list_store.add_entries([Entry("plain", md5(9))], "ana")
        await services.list_store.wait_applied(await services.list_store.version(), 30.0)
        assert not (await judged(services, HashList("a"), md5(9))).is_held


async def test_an_image_on_a_protect_list_holds(store: Store, tmp_path: Path) -> None:
    """An update that would match it by another hash than the listed one, though the allowlist lets the image pass."""
    async with guarded(store, tmp_path, {}) as services:
        await see(services, seen_image(1, PDQ))
        await protect(services, Signal("pdq", PDQ, 100), mode=Mode.ENFORCE)
        held = await judged(services, HashList("a"), md5(1))
        assert (held.effect.allowed, held.effect.protected) == (1, 1)
        assert held.reasons == ("it would block 1 protected image",)


@pytest.mark.parametrize(
    ("place", "holds"),
    [
        ("photos.example", True),
        ("PHOTOS.example/logo", True),
        ("photos.example/%6Cogo/", True),
        ("photos.example/other/", False),
        ("other.example", False),
    ],
)
async def test_a_place_is_covered(place: str, holds: bool, services: Services) -> None:
    """A host in any case, and a beginning of a path however it is coded."""
    guarded_here = with_guard(services, {"protected": [place]})
    assert Protection(guarded_here, HashList("a")).covers(Target("http", "photos.example", "/logo/x.png")) is holds


async def test_an_image_at_a_protected_place_holds(store: Store, tmp_path: Path) -> None:
    """One is enough."""
    async with guarded(store, tmp_path, {"protected": ["www.example/logo/"]}) as services:
        await see(services, seen_image(1), host="other.example")
        await see(services, seen_image(2), host="www.example")
        assert not (await judged(services, HashList("a"), md5(1), md5(2))).is_held
        held = await judged(with_guard(services, {"protected": ["www.example"]}), HashList("a"), md5(1), md5(2))
        assert (held.effect.protected, held.is_held) == (1, True)
