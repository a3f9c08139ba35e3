"""All checks together."""

import asyncio
import secrets
from contextlib import suppress
from dataclasses import replace

from edgeward.doctor.cache import INVENTED_HOST, cache_upstream, check_cache
from edgeward.doctor.cached_object import NOT_STORED, OWN_OBJECTS
from edgeward.doctor.client_path import check_client_path, check_origins
from edgeward.doctor.clock import check_step
from edgeward.doctor.finding import Finding, warn
from edgeward.doctor.harmless_object import is_listed, latest_harmless, purge_again, was_purged
from edgeward.doctor.hashers import check_hashers
from edgeward.doctor.held_updates import check_held_updates
from edgeward.doctor.known_keys import apply_findings, check_known_keys
from edgeward.doctor.lists import check_lists
from edgeward.doctor.match_surge import check_match_surge
from edgeward.doctor.nodes import check_nodes
from edgeward.doctor.origin_check import check_origin_check
from edgeward.doctor.processes import check_processes
from edgeward.doctor.proxy import check_proxy
from edgeward.doctor.run_file import RunFile
from edgeward.doctor.shared_settings import check_shared_settings
from edgeward.doctor.sources import check_sources
from edgeward.doctor.state_dir import check_state_dir
from edgeward.doctor.store import check_store
from edgeward.doctor.store_away import check_store_away
from edgeward.doctor.store_loss import check_last_refill, check_loss
from edgeward.operations.services import Services
from edgeward.settings.config import Config
from edgeward.store.connection import STORE_AWAY
from edgeward.types import Target

DAY_SECONDS = 86400.0
NO_CACHES = warn(
    "caches", "configured", "no cache is configured: nothing is purged anywhere", "add [[caches]] to the settings"
)


async def examine(services: Services, target: Target | None = None) -> list[Finding]:
    """Check the store, the lists, the way of clients, the hashers and every cache. Works without a store too.

    Args:
        target: a harmless object that the caches may store, and that clients ask for; None chooses one.
    """
    config = services.config
    target, asked, findings = await _objects(services, target)
    run_file = RunFile.read(config.state_dir)
    # Together: each cache may need seconds.
    results = await asyncio.gather(
        _check_stored(services),
        check_proxy(run_file.proxy if run_file else config.proxy.listen),
        check_client_path(config, asked),
        check_origins(config),
        *(check_cache(cache, target, cache_upstream(config)) for cache in config.caches),
    )
    findings += [finding for result in results for finding in result]
    findings = await _explained(services, target, findings)
    if target is not None:
        with suppress(*STORE_AWAY):  # said already
            await purge_again(services, target)
    findings += await _check_keys(services, findings)
    findings += check_processes()
    findings += [each for each in check_state_dir(config.state_dir) if each not in findings]
    return [*findings, *check_hashers(services.hashers.layers), *([] if config.caches else [NO_CACHES])]


async def _check_stored(services: Services) -> list[Finding]:
    """The store and what is in it. If it can't be used: why."""
    try:
        return [
            *await check_store(services.store, services.store.replicas),
            *check_step(services.orders.clock),
            *await check_nodes(services),
            *check_shared_settings(services),
            *await _check_data(services),
            *await check_lists(services.list_store, services.replica),
            *await check_held_updates(services),
            *await check_match_surge(services.incidents),
            *await check_sources(services),
            *await check_origin_check(services),
        ]
    except STORE_AWAY:
        return [*await check_store_away(services.config), check_loss(services.replica, store_answers=False)]


async def _explained(services: Services, target: Target | None, findings: list[Finding]) -> list[Finding]:
    """The findings; one on an object that a cache did not keep says why, if Edgeward purged it meanwhile."""
    if target is None or not any(NOT_STORED in each.detail for each in findings):
        return findings
    try:
        if not await was_purged(services, target):
            return findings
    except STORE_AWAY:
        return findings  # said already
    detail = f"{NOT_STORED}: Edgeward has purged it lately, or has listed an image of it"
    fix = "run edgeward doctor again in some minutes, or give another object: edgeward doctor --url URL"
    return [replace(each, detail=detail, fix=fix) if NOT_STORED in each.detail else each for each in findings]


async def _check_keys(services: Services, findings: list[Finding]) -> list[Finding]:
    """What purges and earlier checks have found of caches' keys, unless it was just disproved."""
    mismatches = services.orders.key_mismatches
    try:
        for cache in services.config.caches:
            await apply_findings(mismatches, cache.name, [each for each in findings if each.about == cache.name])
        return await check_known_keys(mismatches, services.config.purge.keep_days * DAY_SECONDS)
    except STORE_AWAY:
        return []  # said already


async def _check_data(services: Services) -> list[Finding]:
    # Now: it may have lost its data since the last heartbeat.
    await services.replica.compare_with_store()
    keep_seconds = services.config.sightings.keep_days * DAY_SECONDS
    refill = await check_last_refill(services.store, services.sightings.forgotten, keep_seconds)
    return [check_loss(services.replica), *refill]


def own_object(config: Config) -> Target | None:
    """In placement `fill`, an object that Edgeward itself serves, to put into the caches; else None."""
    if config.proxy.placement != "fill":
        return None
    return Target("http", INVENTED_HOST, f"{OWN_OBJECTS}{secrets.token_hex(16)}")


async def _objects(services: Services, given: Target | None) -> tuple[Target | None, Target | None, list[Finding]]:
    """What is put into the caches, what is asked for as clients do, and what is wrong with the object `given`."""
    own = own_object(services.config)
    try:
        if given is None:
            seen = await latest_harmless(services)
            return own or seen, seen, []
        if not await is_listed(services, given):
            return given, given, []
    except STORE_AWAY:
        return given or own, given, []
    detail = f"{given.url} shows a listed image, which Edgeward purges by itself: it was not used for the test"
    return own, None, [warn("caches", "object", detail, "give a harmless object: edgeward doctor --url URL")]
