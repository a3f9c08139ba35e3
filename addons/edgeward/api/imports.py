"""Imports: files of hashes that are listed in the background."""

from collections.abc import Sequence

from aiohttp import web

from edgeward.api import context, requests, serializers
from edgeward.api.serializers import Json
from edgeward.lists.formats.hash_files import BadLine, Format
from edgeward.operations import imports, lists
from edgeward.operations.imports import ImportRequest

MAX_BYTES = 64 * 1024 * 1024
"""Size of a file after its content-coding is undone: about a million hashes."""
MAX_BAD_LINES = 1000
"""Bad lines listed in an answer."""
FORMATS: dict[str, Format] = {
    "text/plain": "text",
    "text/csv": "csv",
    "application/jsonl": "jsonl",
    "application/x-ndjson": "jsonl",
}
"""By Content-Type."""


async def create(request: web.Request) -> web.Response:
    """POST /lists/{name}/imports. If a line is bad nothing is listed, unless the query asks to skip bad lines."""
    query = requests.parse_query(request, requests.ImportQuery)
    services, name = context.services(request), request.match_info["name"]
    # An unknown list is 404 before a long file is read.
    await lists.get(services, name)
    file_format = query.format or _format(request)
    body = await requests.read_body(request, MAX_BYTES)
    asked = ImportRequest(
        list=name,
        body=body,
        format=file_format,
        signal_type=query.type,
        quality=query.quality,
        reason=query.reason,
        skip_bad=query.skip_bad,
        dry_run=query.dry_run,
        purge_again=query.purge_again,
    )
    result = await imports.create(services, asked, context.caller(request).name, query.seconds)
    report = {
        "bad": len(result.bad),
        "bad_lines": _bad_lines(result.bad),
        "repeated": result.repeated,
        "not_matching": serializers.not_matching(result.not_matching),
    }
    if result.status is None:
        return web.json_response({"total": result.total, **report})
    answer = {"job": {**serializers.import_status(result.status), **report}}
    return web.json_response(answer, status=202, headers={"Location": f"/api/v1/jobs/{result.status.job.id}"})


def _format(request: web.Request) -> Format:
    if request.content_type not in FORMATS:
        raise requests.WrongType(f"Content-Type {request.content_type}: send {', '.join(FORMATS)}, or set ?format=")
    return FORMATS[request.content_type]


def _bad_lines(bad: Sequence[BadLine]) -> list[Json]:
    return [{"line": each.number, "why": each.why} for each in bad[:MAX_BAD_LINES]]
