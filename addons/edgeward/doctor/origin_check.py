"""What the origin check has found out about hosts: those whose removals are not noticed or not purged."""

import time
from collections import Counter
from collections.abc import Sequence

from edgeward.doctor.finding import Finding, warn
from edgeward.operations.services import Services
from edgeward.origin_check.host_problems import HostProblem, HostProblems, HostState
from edgeward.origin_check.host_tables import UPSTREAM
from edgeward.origin_check.refilled_targets import unfollowed_targets
from edgeward.quantities import counted

NAMED_HOSTS = 3
MAX_FINDINGS = 10
"""Hosts that are named one by one."""


async def check_origin_check(services: Services) -> list[Finding]:
    """One finding for each host with a problem. There is none if all are well, or the origin check is off."""
    if not services.config.sweep.enabled:
        return []
    now = time.time()
    problems = await HostProblems(services.store, services.config).read(now)
    found = [*(_finding(each, now) for each in problems[:MAX_FINDINGS]), *_others(problems[MAX_FINDINGS:])]
    return [*found, *_unfollowed(await unfollowed_targets(services.store, now))]


def _finding(problem: HostProblem, now: float) -> Finding:
    table = problem.table if problem.table == UPSTREAM else f'[[hosts]] name = "{problem.table}"'
    seconds = f"for {max(0.0, now - problem.since):.0f} s"
    if problem.state is HostState.DOWN:
        detail = f"removals at its origin are not noticed {seconds}: {problem.detail}"
        fix = f"check the origin of {table}, and that the controllers can reach it"
        return warn("hosts", problem.host, detail, fix)
    detail = f"most of its images are removed at its origin at once: nothing of it is purged {seconds}"
    fix = (
        f"if that is a mistake, correct the site, or the origin of {table}; if all was removed: "
        f"edgeward takedown --prefix http://{problem.host}/"
    )
    return warn("hosts", problem.host, detail, fix)


def _unfollowed(hosts: Counter[str]) -> list[Finding]:
    if not hosts:
        return []
    names = ", ".join(host for host, _ in hosts.most_common(NAMED_HOSTS))
    detail = (
        f"{counted(hosts.total(), 'image')} came back into a cache after the purge, as the origin answers Edgeward "
        f"otherwise than clients; their removal is not noticed for a day (hosts with the most: {names})"
    )
    fix = (
        "let the origin answer the User-Agent edgeward-sweep as it does clients, without a Referer too; if it does, "
        "see whether purges work: the findings on the caches"
    )
    return [warn("hosts", "not followed", detail, fix)]


def _others(problems: Sequence[HostProblem]) -> list[Finding]:
    if not problems:
        return []
    detail = f"{len(problems)} more hosts have such problems"
    return [warn("hosts", "others", detail, "begin with those above; edgeward_sweep_hosts counts all")]
