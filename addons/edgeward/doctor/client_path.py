"""Asks as a client would: through the proxy to the origin, and in placement fill through each cache.

Each finding names the step that fails: the proxy itself, the upstream behind it, a cache, or what is behind that cache.
"""

import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from urllib.parse import urlsplit

from edgeward.caches.response_signs import Sign, unpurged_sign
from edgeward.doctor import address_fixes
from edgeward.doctor.finding import Finding, fail, ok, skipped, warn
from edgeward.doctor.harmless_object import with_own_query, without_own_query
from edgeward.doctor.own_answer import answers_by_itself
from edgeward.doctor.processes import RESTART
from edgeward.doctor.reachability import TIMEOUT_SECONDS, Reached, Step, reach
from edgeward.doctor.run_file import RunFile
from edgeward.settings.cache_settings import SelfHostedCache
from edgeward.settings.config import Config
from edgeward.types import Target

CONNECTIONS_PER_WORKER = 4
"""The kernel distributes connections among the workers: with this many each of them gets some, most probably."""
MAX_CONNECTIONS = 64
_SEE_UPSTREAM = "see the finding on the upstream"
_ORIGIN_FIX = "see whether the origin hangs or is overloaded, and restart it: until then only stored copies are served"
_CACHE_FIX = (
    "add it to [[caches]]; or let it store no images, or let proxy.upstream be the server behind it "
    '(docs/deployment.md, "A cache behind the upstream")'
)
GATEWAY_ERRORS = (502, 503, 504)
"""RFC 9110, 15.6: what stands behind the server that answers did not answer it."""
HANGING = (Step.SILENT, Step.BEHIND)
"""A connection that is accepted, and no response."""


async def check_client_path(config: Config, target: Target | None) -> list[Finding]:
    """Send requests of clients through everything.

    Args:
        target: what clients ask for; None, or an object that Edgeward itself serves: an invented path.
    """
    run_file = RunFile.read(config.state_dir)
    address = run_file.proxy if run_file else config.proxy.listen
    if address.endswith(":0"):
        return [skipped("proxy", "client", "proxy.listen has port 0: the proxy's actual port is unknown here")]
    proxy_url = f"http://{_local(address)}"
    asked, is_real = _request(config, target)
    upstream = await reach(config.proxy.upstream, asked.host, asked.path)
    answers = await _ask_every_worker(proxy_url, asked, config.proxy.workers)
    hangs = any(answer.step in HANGING for answer in answers)
    if not any(answer.status for answer in answers) and not hangs and run_file is None:
        fix = "run doctor on the proxy's machine too"
        return [skipped("proxy", "client", f"no proxy answers at {address} on this machine", fix)]
    findings = [
        *await _upstream_findings(config, upstream, asked, is_real),
        await _hanging_finding(config, address, upstream)
        if hangs
        else _proxy_finding(config, address, answers, upstream, is_real),
    ]
    if config.proxy.placement == "fill":
        caches = [cache for cache in config.caches if isinstance(cache, SelfHostedCache) and _serves(cache)]
        findings += await asyncio.gather(*(_check_cache(config, cache, asked, upstream) for cache in caches))
    return findings


async def check_origins(config: Config) -> list[Finding]:
    """Whether each origin of [[hosts]] can be reached from here: removals there are noticed by asking it."""
    if not config.sweep.enabled:
        return []

    async def check(name: str, origin: str) -> Finding:
        # As the origin check asks: with https:// the certificate must be for the host, whatever the address.
        host = "" if "*" in name else name
        reached = await reach(origin, host, certified=host.partition(":")[0])
        if reached.problem:
            fix = address_fixes.fix_of(reached, "`origin` of this host in [[hosts]]", origin)
            return fail("hosts", name, f"removals at its origin are not noticed: {reached.problem}", fix)
        return ok("hosts", name, f"its origin answers ({reached.status})")

    return list(await asyncio.gather(*(check(each.name, each.origin) for each in config.hosts)))


def _serves(cache: SelfHostedCache) -> bool:
    return cache.serves is not None or cache.driver != "nginx"


def _local(address: str) -> str:
    """Where to connect on this machine to what listens at `address`."""
    host, _, port = address.rpartition(":")
    return f"{ {'0.0.0.0': '127.0.0.1', '[::]': '[::1]', '': '127.0.0.1'}.get(host, host) }:{port}"


def _request(config: Config, target: Target | None) -> tuple[Target, bool]:
    """What to ask for, under a query that no cache has stored, and whether its path is one that clients use."""
    if target is not None and target.host != "edgeward.invalid":
        return with_own_query(without_own_query(replace(target, vary=()))), True
    names = [each.name for each in config.hosts if "*" not in each.name]
    host = names[0] if names else urlsplit(config.proxy.upstream).netloc.rpartition("@")[2]
    return with_own_query(Target("http", host, "/.well-known/edgeward/doctor/")), False


def _connections(workers: int) -> range:
    return range(min(MAX_CONNECTIONS, CONNECTIONS_PER_WORKER * workers))


async def _ask_every_worker(url: str, asked: Target, workers: int) -> list[Reached]:
    return list(await asyncio.gather(*(reach(url, asked.host, asked.path) for _ in _connections(workers))))


async def _upstream_findings(config: Config, upstream: Reached, asked: Target, is_real: bool) -> list[Finding]:
    """Whether it answers, and whether responses come out of a cache behind it that nobody purges.

    Args:
        upstream: its answer to `asked`, which no cache has stored.
        is_real: without the query of this check `asked` is an object that clients ask for: a cache may have that.
    """
    shown = f"proxy.upstream ({_without_user(config.proxy.upstream)})"
    if upstream.step is Step.BEHIND:
        detail = f"{shown} accepts requests, but what is behind it (the origin) does not answer: {upstream.problem}"
        return [fail("proxy", "upstream", detail, _ORIGIN_FIX)]
    if upstream.problem:
        address = _without_user(config.proxy.upstream)
        fix = f"{address_fixes.fix_of(upstream, 'proxy.upstream', address)}: every request of a client fails until then"
        return [fail("proxy", "upstream", f"{shown} can't be reached: {upstream.problem}", fix)]
    answers = ok("proxy", "upstream", f"{shown} answers ({upstream.status})")
    sign = _unpurged_sign(config, upstream)
    if sign is None and is_real:
        stored = without_own_query(asked)
        sign = _unpurged_sign(config, await reach(config.proxy.upstream, stored.host, stored.path))
    if sign is None:
        return [answers]
    detail = (
        f"a response of {shown} came out of a cache ({sign}) that no [[caches]] section purges: what is purged may "
    )
    return [answers, warn("proxy", "upstream cache", f"{detail}come back from there", _CACHE_FIX)]


def _unpurged_sign(config: Config, answer: Reached) -> Sign | None:
    in_front = config.proxy.placement == "front"
    return unpurged_sign(answer.headers, config.proxy.upstream, config.caches, in_front)


async def _hanging_finding(config: Config, address: str, upstream: Reached) -> Finding:
    """Why requests through the proxy get no answer: a worker hangs, or what is behind the proxy does."""
    # Each connection may reach another worker, so each is asked anew.
    url, tries = f"http://{_local(address)}", _connections(config.proxy.workers)
    answered = await asyncio.gather(*(answers_by_itself(url, TIMEOUT_SECONDS) for _ in tries))
    if silent := answered.count(False):
        detail = (
            f"{silent} of {len(answered)} connections to the proxy at {address} are accepted, and get no answer, not "
            "even to a request that a worker answers by itself: a worker is frozen or hangs"
        )
        return fail("proxy", "client", detail, RESTART)
    detail = f"requests through the proxy at {address} get no answer in time, though its workers answer by themselves"
    if upstream.problem:
        return fail("proxy", "client", f"{detail}: nor does its upstream, asked directly", _SEE_UPSTREAM)
    fix = "see the log of the proxy workers"
    return fail("proxy", "client", f"{detail}, and its upstream answers ({upstream.status})", fix)


def _proxy_finding(
    config: Config, address: str, answers: Sequence[Reached], upstream: Reached, is_real: bool
) -> Finding:
    """What clients get at the proxy."""
    problems = Counter(answer.problem for answer in answers if answer.problem)
    if problems:
        problem, _ = problems.most_common(1)[0]
        detail = f"{problems.total()} of {len(answers)} connections to the proxy at {address} fail: {problem}"
        return fail("proxy", "client", detail, "see the log of the proxy workers")
    statuses = Counter(answer.status for answer in answers)
    failed = {status: count for status, count in statuses.items() if status in GATEWAY_ERRORS}
    if not failed:
        return ok("proxy", "client", f"clients get an answer through the proxy ({_listed(statuses)})")
    detail = f"{sum(failed.values())} of {len(answers)} requests through the proxy get {_listed(failed)}"
    if upstream.problem:
        return fail("proxy", "client", f"{detail}: its upstream gives no answer", _SEE_UPSTREAM)
    if upstream.status in GATEWAY_ERRORS:
        in_front = config.proxy.placement == "front"
        behind = "the origin behind the cache fails, or it does not reach it" if in_front else "the origin fails"
        detail += f", as does its upstream, asked directly: {behind}"
        fix = f"see whether the origin runs, and start it{'; or correct its address in the cache' if in_front else ''}"
        if is_real:
            return fail("proxy", "client", detail, fix)
        unsure = f"{fix}. If clients do get images, give the URL of one: edgeward doctor --url URL"
        return warn("proxy", "client", detail, unsure)
    fix = "see the log of the proxy workers; not ready: `edgeward doctor` on the controller's machine"
    return fail("proxy", "client", f"{detail}, though its upstream answers ({upstream.status})", fix)


async def _check_cache(config: Config, cache: SelfHostedCache, asked: Target, upstream: Reached) -> Finding:
    """What clients get through a cache, which asks Edgeward, which asks the origin."""
    address = str(cache.serves or cache.url)
    reached = await reach(address, asked.host, asked.path)
    if reached.problem:
        key = "`serves` of this cache, the address where it serves clients"
        fix = address_fixes.fix_of(reached, key, address)
        return fail(cache.name, "client", f"no client gets an answer from this cache: {reached.problem}", fix)
    if reached.status not in GATEWAY_ERRORS:
        return ok(cache.name, "client", f"clients get an answer through this cache ({reached.status})")
    detail = f"a request through this cache gets {reached.status}"
    if upstream.problem or upstream.status in GATEWAY_ERRORS:
        cause = upstream.problem or f"it answers {upstream.status}"
        return fail(cache.name, "client", f"{detail}: the origin fails: {cause}", _SEE_UPSTREAM)
    fix = f"let its backend be Edgeward's address ({config.proxy.listen}), reachable from the cache"
    return fail(cache.name, "client", f"{detail}, though the origin answers: the cache does not reach Edgeward", fix)


def _listed(statuses: Counter[int] | dict[int, int]) -> str:
    return ", ".join(str(status) for status in sorted(statuses))


def _without_user(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"
