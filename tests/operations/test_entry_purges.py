"""The purges of several entries, each counted once."""

from typing import Any

import pytest
from tests.support.controllers import ask_until, photo
from tests.support.edges import Edge
from tests.support.services import carry_out

from edgeward.errors import NotFound
from edgeward.hashing.fingerprint import fingerprint
from edgeward.operations import entries, entry_purges, lists
from edgeward.operations.order_totals import ReceiptState
from edgeward.operations.services import Services
from edgeward.operations.statements import statement
from edgeward.operations.waiting import PurgeStatus
from edgeward.types import Action, HashList, ListKind, Signal, View

MD5 = Signal("md5", "ab" * 16)
SHA1 = Signal("sha1", "cd" * 20)


def test_orders_that_two_requests_share_are_counted_once(edge: Edge) -> None:
    """One picture listed by its PDQ in one request and as a file in another, as `add --hash X --image F` does: its
    three targets are three orders, and three copies were removed."""
    body = photo("coffee")
    assert edge.api.post("/lists", {"name": "once"}).status == 201
    for path in ("/1.jpg", "/2.jpg", "/3.jpg"):
        edge.serve(path, body)
        edge.see(path, body)
    found = fingerprint(body, edge.config.hashing).signals
    pdq = next(each for each in found if each.type == "pdq" and each.view is View.STORED)

    def done(path: str, asked: object) -> Any:
        """The answer once only the cache that is down owes purges."""
        return ask_until(
            lambda: edge.api.post(path, asked, wait="verified", timeout=0.3),
            lambda answer: (
                (purge := answer.get("purge", answer))["matched"]
                and purge["orders"]
                and purge["owed"].keys() == {"dead"}
            ),
        )

    by_hash, by_image = done("/lists/once/entries", {"hashes": [f"pdq:{pdq.value}"]}), done("/lists/once/entries", body)
    ids = [[each["id"] for each in answer["entries"]] for answer in (by_hash, by_image)]
    asked = {"entries": ids[0], "images": [ids[1]], "version": by_image["version"]}
    purge = done("/entries/purges", asked)
    paths = [each["url"] for each in edge.api.get("/purges").json["purges"] if each["entry"] in {*ids[0], *ids[1]}]
    assert purge["orders"] == len(paths) < by_hash["purge"]["orders"] + by_image["purge"]["orders"]
    assert purge["copies"] == purge["nodes"]["edge"]["copies"] == 3
    assert purge["owed"] == {"dead": purge["orders"]}
    assert (purge["matched"], purge["state"]) == (True, "purging")


async def _list(services: Services, name: str, kind: ListKind, *signals: Signal) -> list[str]:
    if name not in services.replica.matcher.lists:
        await lists.create(services, HashList(name, kind=kind, action=Action.UNAVAILABLE_FOR_LEGAL_REASONS), "ana", "")
    added = await entries.add(services, name, signals, "ana", "")
    return [entry.id for entry in added.entries]


async def test_what_blocks_nothing_is_said(services: Services) -> None:
    """All of it, or the part: then nothing is called gone."""
    await _list(services, "ours", ListKind.ALLOW, SHA1)
    (blocked,) = await _list(services, "removed", ListKind.BLOCK, MD5)
    (allowed,) = await _list(services, "removed", ListKind.BLOCK, SHA1)

    async def ask(hashes: list[str], images: list[list[str]]) -> PurgeStatus:
        await carry_out(services)
        return await entry_purges.of_entries(services, hashes, images, 0, 60.0)

    assert (await ask([blocked], [])).summary.state is ReceiptState.NOTHING
    assert (await ask([], [[allowed], []])).summary.state is ReceiptState.INACTIVE
    # One of several hashes is enough to block; an image is protected by any of its hashes.
    assert (await ask([blocked, allowed], [])).summary.state is ReceiptState.NOTHING
    part = (await ask([blocked], [[allowed]])).summary
    assert (part.state, part.partly) == (ReceiptState.INACTIVE, True)
    assert "a part of what is listed blocks nothing" in statement(part)


async def test_an_entry_that_is_on_no_list(services: Services) -> None:
    """It has no purges that could be told."""
    with pytest.raises(NotFound, match="'ab12'"):
        await entry_purges.of_entries(services, ["ab12"], [], 0, 1.0)
