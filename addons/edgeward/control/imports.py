"""Imports: files of hashes that are listed in the background, so that they can be long."""

import asyncio
import time
from collections.abc import Sequence

from aiohttp import web

from edgeward.blocklist import lines
from edgeward.blocklist.jobs import Job
from edgeward.blocklist.lines import BadLine, BadLines, Format
from edgeward.control import bodies, jobs
from edgeward.control.services import caller, services
from edgeward.control.views import Json

MAX_BYTES = 64 * 1024 * 1024
"""Of a file, with its content-coding undone: about a million hashes."""
BAD_SHOWN = 1000
"""Bad lines that an answer names."""
FORMATS: dict[str, Format] = {
    "text/plain": "text",
    "text/csv": "csv",
    "application/jsonl": "jsonl",
    "application/x-ndjson": "jsonl",
}
"""By Content-Type."""


async def create(request: web.Request) -> web.Response:
    """POST /lists/{name}/imports. Nothing is listed where a line is bad, unless asked to skip those."""
    asked = bodies.query(request, bodies.Import)
    within, name, who = services(request), request.match_info["name"], caller(request).name
    await within.catalogue.get_list(name)
    kind = asked.format or _format(request)
    body = await bodies.read(request, MAX_BYTES)
    least = within.config.hashing.min_quality
    quality = bodies.enough(asked.quality, least)
    found = await asyncio.to_thread(lines.read, body, kind, asked.type, quality, least)
    if found.bad and not asked.skip_bad and not asked.dry_run:
        raise BadLines(found.bad)
    report = {"bad": len(found.bad), "bad_lines": _bad(found.bad), "repeated": found.repeated}
    if asked.dry_run:
        return web.json_response({"total": len(found.listed), **report})
    job = Job(name, who, time.time(), len(found.listed), asked.reason, len(found.bad))
    await within.jobs.create(job, found.listed)
    within.importer.wake()
    answer = await jobs.settled(within, job.id, asked)
    return web.json_response({"job": {**answer, **report}}, status=202, headers={"Location": f"/api/v1/jobs/{job.id}"})


def _format(request: web.Request) -> Format:
    if request.content_type not in FORMATS:
        raise bodies.WrongType(f"Content-Type {request.content_type}: send {', '.join(FORMATS)}, or say ?format=")
    return FORMATS[request.content_type]


def _bad(bad: Sequence[BadLine]) -> list[Json]:
    return [{"line": each.number, "why": each.why} for each in bad[:BAD_SHOWN]]
