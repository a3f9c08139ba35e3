"""Checks: what would happen to an image or a hash."""

from dataclasses import replace

import pytest

from edgeward.errors import BadSignal
from edgeward.operations import check, entries, lists
from edgeward.operations.services import Services
from edgeward.types import Fingerprint, Flaw, HashList, ListKind, Signal

SHA256 = "5f" * 32


def test_a_hash_is_a_fingerprint_of_one_signal() -> None:
    """A sha256 is the image's digest too; a quality on a digest is an error."""
    fingerprint = check.fingerprint_of_hash(f"sha256:{SHA256.upper()}")
    assert (fingerprint.sha256, fingerprint.signals) == (SHA256, (Signal("sha256", SHA256),))
    assert check.fingerprint_of_hash("md5:" + "1" * 32).sha256 == ""
    with pytest.raises(BadSignal):
        check.fingerprint_of_hash("md5:" + "1" * 32, quality=10)


async def test_a_match_comes_with_its_list(services: Services) -> None:
    """All matches are there, those of an allowlist too, which wins."""
    fingerprint = check.fingerprint_of_hash(f"sha256:{SHA256}")
    assert (await check.check(services, fingerprint)).decision == "deliver"
    await lists.create(services, HashList("a"), "ana", "")
    await entries.add(services, "a", fingerprint.signals, "ana", "")
    blocked = await check.check(services, fingerprint)
    assert (blocked.decision, blocked.reason, blocked.version) == ("block", "match", services.replica.version)
    await lists.create(services, HashList("fine", ListKind.ALLOW), "ana", "")
    await entries.add(services, "fine", fingerprint.signals, "ana", "")
    allowed = await check.check(services, fingerprint)
    assert (allowed.decision, allowed.reason) == ("deliver", "allowlisted")
    assert {hash_list.name: match.entry.list for match, hash_list, _ in allowed.matches} == {"a": "a", "fine": "fine"}


async def test_the_policy_decides_about_what_can_not_be_hashed(services: Services) -> None:
    """Under the name of the flaw, unless a digest matches."""
    flawed = Fingerprint(SHA256, "image/png", 9, (Signal("sha256", SHA256),), flaw=Flaw.UNDECODABLE)
    result = await check.check(services, flawed)
    assert (result.decision, result.reason) == (services.config.decide(Flaw.UNDECODABLE), "undecodable")
    policy = services.config.policy.model_copy(update={"undecodable": "block"})
    strict = replace(services, config=services.config.model_copy(update={"policy": policy}))
    assert (await check.check(strict, flawed)).decision == "block"
    await lists.create(services, HashList("a"), "ana", "")
    await entries.add(services, "a", flawed.signals, "ana", "")
    assert (await check.check(services, flawed)).reason == "match"
