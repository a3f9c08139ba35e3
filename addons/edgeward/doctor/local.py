"""The checks that need no controller: what can be found out on this machine while the admin API does not answer."""

import asyncio

from edgeward.doctor.cache import cache_upstream, check_cache
from edgeward.doctor.client_path import check_client_path, check_origins
from edgeward.doctor.examination import NO_CACHES, own_object
from edgeward.doctor.finding import Finding, fail, ok
from edgeward.doctor.proxy import check_proxy
from edgeward.doctor.run_file import RunFile, is_running
from edgeward.doctor.state_dir import check_state_dir
from edgeward.doctor.store import check_store
from edgeward.doctor.store_away import check_store_away
from edgeward.doctor.store_loss import check_applied_lists, check_last_refill
from edgeward.errors import ConfigError, LaterRelease, StoreUnavailable
from edgeward.settings.config import Config
from edgeward.sightings.sightings import Sightings
from edgeward.store.connection import STORE_AWAY, Store
from edgeward.types import Target

DAY_SECONDS = 86400.0


async def examine_locally(config: Config, why: str, target: Target | None = None) -> list[Finding]:
    """Check what can be checked from this machine.

    Args:
        why: why the admin API can't be asked.
        target: a harmless object that the caches may store.
    """
    target = target or own_object(config)
    fix = "start it (edgeward run, or edgeward controller); see its log"
    away = fail("controller", "api", f"the admin API does not answer: {why}", fix)
    results = await asyncio.gather(
        _check_store(config),
        check_client_path(config, target),
        check_origins(config),
        check_proxy(_listen(config)),
        *(check_cache(cache, target, cache_upstream(config)) for cache in config.caches),
    )
    findings = [away, *_check_processes(config), *(finding for result in results for finding in result)]
    for finding in check_state_dir(config.state_dir):
        if finding not in findings:
            findings.append(finding)
    return [*findings, *([] if config.caches else [NO_CACHES])]


def _listen(config: Config) -> str:
    run_file = RunFile.read(config.state_dir)
    return run_file.proxy if run_file else config.proxy.listen


def _check_processes(config: Config) -> list[Finding]:
    run_file = RunFile.read(config.state_dir)
    if run_file is None:
        return []
    dead = [
        f"{role} {pid}"
        for role, pids in (("proxy", run_file.proxies), ("controller", run_file.controllers))
        for pid in pids
        if not is_running(pid)
    ]
    if dead or not run_file.controllers:
        detail = f"`edgeward run` (process {run_file.pid}) runs, but not {', '.join(dead) or 'its controller'}"
        return [fail("controller", "processes", detail, "see the log of `edgeward run`: it restarts them")]
    return [ok("controller", "processes", f"`edgeward run` (process {run_file.pid}) and its processes run")]


async def _check_store(config: Config) -> list[Finding]:
    try:
        store = await Store.connect(
            config.store_url, config.store.namespace, config.store.timeout_ms, config.store.replicas
        )
    except LaterRelease as error:
        return [fail("store", "layout", str(error), "upgrade Edgeward on this machine")]
    except (StoreUnavailable, ConfigError):
        return await check_store_away(config)
    forgotten = Sightings(store, config.sightings).forgotten
    try:
        return [
            *await check_store(store, store.replicas),
            await check_applied_lists(config.state_dir, store),
            *await check_last_refill(store, forgotten, config.sightings.keep_days * DAY_SECONDS),
        ]
    except STORE_AWAY:
        return await check_store_away(config)
    finally:
        await store.close()
