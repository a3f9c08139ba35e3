"""Jobs: how far imports are, and whether what they listed is gone from the caches."""

import asyncio
import time

from aiohttp import web

from edgeward.blocklist.jobs import Advance, Job
from edgeward.control import bodies
from edgeward.control.services import Services, services
from edgeward.control.views import Json

POLL_SECONDS = (0.01, 0.25)
"""How often a job is looked at that is waited for: at first, and at most."""
ENDED = ("done", "failed")


async def index(request: web.Request) -> web.Response:
    """GET /jobs, newest first."""
    limit = bodies.query(request, bodies.Limit).limit
    within = services(request)
    found = await within.jobs.recent(limit)
    return web.json_response({"jobs": [_view(job, advance) for job, advance in found]})


async def show(request: web.Request) -> web.Response:
    """GET /jobs/{id}"""
    wait = bodies.query(request, bodies.Wait)
    return web.json_response(await settled(services(request), request.match_info["id"], wait))


async def settled(within: Services, job_id: str, wait: bodies.Wait) -> Json:
    """A job with what each cache owes; at once, or when it has ended and nothing is owed any more."""
    deadline = time.monotonic() + (wait.timeout if wait.wait else 0.0)
    pause, most = POLL_SECONDS
    while True:
        job, advance = await within.jobs.get(job_id)
        if advance.state in ENDED or time.monotonic() >= deadline:
            break
        await asyncio.sleep(pause)
        pause = min(most, pause * 1.5)
    left = max(0.0, deadline - time.monotonic())
    owed = await within.orders.wait_done(await within.jobs.orders(job_id), within.caches, left)
    return {**_view(job, advance), "owed": owed}


def _view(job: Job, advance: Advance) -> Json:
    """`listed`: of `total` entries those that are on the list by now, `added` of them by this job; `matched`: of
    `added` those that are matched backwards over all sightings."""
    listed = min(job.total, advance.listed * job.size)
    return {
        "id": job.id,
        "kind": "import",
        "list": job.list,
        "by": job.by,
        "at": job.at,
        "reason": job.reason,
        "state": advance.state,
        "error": advance.error,
        "total": job.total,
        "listed": listed,
        "added": advance.added,
        "known": listed - advance.added,
        "bad": job.bad,
        "versions": advance.versions,
        "matched": advance.searched,
        "orders": advance.orders,
    }
