"""Hashes that match nothing are named when they are listed."""

import io

import pytest

from edgeward.operations import entries, imports, lists, takedowns
from edgeward.operations.import_requests import ImportRequest
from edgeward.operations.matchability import NotMatching, not_matching
from edgeward.operations.services import Services
from edgeward.operations.takedowns import Requester, TakedownRequest
from edgeward.types import HashList, ListKind, Mode, Signal

PHOTODNA = [Signal("photodna", f"{number:02x}" * 144) for number in range(1, 4)]
MD5 = [Signal("md5", f"{number:x}" * 32) for number in range(1, 3)]
WHY = "no photodna signal type is installed; they match as soon as it is (docs/signals.md)"


async def test_every_way_of_listing_says_so(services: Services) -> None:
    """Adding, importing, also as a dry run, and a takedown, with its list and without."""
    await lists.create(services, HashList("a"), "ana", "")
    signals = [*PHOTODNA, *MD5]
    expected = [NotMatching(3, 5, WHY)]
    assert expected[0].text == f"3 of 5 entries cannot match: {WHY}"
    assert (await entries.add(services, "a", signals, "ana", "")).not_matching == expected
    body = "\n".join(f"{each.type}:{each.value}" for each in signals).encode()
    for dry_run in (True, False):
        request = ImportRequest("a", io.BytesIO(body), "text", dry_run=dry_run)
        assert (await imports.create(services, request, "ana")).not_matching == expected
    for name in ("a", ""):
        request = TakedownRequest(signals=tuple(signals), list=name)
        result = await takedowns.create(services, request, Requester("ana", "api"))
        assert result.not_matching == expected


async def test_entries_that_match_are_not_named(services: Services) -> None:
    """There is nothing to say."""
    await lists.create(services, HashList("a"), "ana", "")
    assert (await entries.add(services, "a", MD5, "ana", "")).not_matching == []


@pytest.mark.parametrize(
    ("policy", "words", "verb"),
    [
        (HashList("a", mode=Mode.OFF), "the list 'a' is off", "will block nothing"),
        (HashList("a", mode=Mode.MONITOR), "nothing is blocked or purged", "will block nothing"),
        (HashList("a", ListKind.ALLOW, Mode.MONITOR), "allows nothing", "will allow nothing"),
    ],
)
async def test_a_list_that_does_nothing_is_named(services: Services, policy: HashList, words: str, verb: str) -> None:
    """All of the entries, whatever their type. They can match: the list does nothing then."""
    await lists.create(services, policy, "ana", "")
    (found,) = await not_matching(services, MD5, "a")
    assert (found.count, found.total, words in found.why) == (2, 2, True)
    assert found.text.startswith(f"2 of 2 entries {verb}: ")


async def test_a_type_that_is_not_computed_is_named(services: Services) -> None:
    """Of a composite type too: what has to be added to the settings."""
    services.replica.matcher.types = frozenset({"sha256", "pdq"})
    found = await not_matching(services, [*MD5, Signal("pdq-dhash", "12" * 40)])
    assert [(each.count, each.why.partition(";")[0]) for each in found] == [
        (2, "hashing.signals lacks md5"),
        (1, "hashing.signals lacks dhash"),
    ]


async def test_quality_below_the_minimum_is_named(services: Services) -> None:
    """It depends on the settings: hashing.min_quality may have been raised since the hash was made."""
    found = await not_matching(services, [Signal("pdq", "12" * 32, 30), Signal("pdq", "13" * 32, 90)])
    assert [(each.count, each.total) for each in found] == [(1, 2)]
    assert "hashing.min_quality" in found[0].why
