"""Imports: files of hashes that are listed in the background."""

from dataclasses import replace
from typing import BinaryIO

from aiohttp import web

from edgeward.api import context, import_queries, import_serializers, requests, uploads
from edgeward.operations import import_requests, imports, lists
from edgeward.operations.import_requests import ImportRequest

FORMATS = {"text/csv": "csv", "application/jsonl": "jsonl", "application/x-ndjson": "jsonl"}
"""Formats that a Content-Type names. With any other the format is recognised."""


async def create(request: web.Request) -> web.Response:
    """POST /lists/{name}/imports. If a row is bad nothing is listed, unless the query asks to skip bad rows."""
    query = requests.parse_query(request, import_queries.ImportQuery)
    services, name = context.services(request), request.match_info["name"]
    # An unknown list is 404 before a long file is read.
    await lists.get(services, name)
    limit, directory = services.config.imports.max_bytes, services.config.state_dir.absolute()
    with request.app[context.READINGS].begin(query.upload) as reading:
        async with uploads.given_up_without(request, reading):
            with await uploads.receive(request, limit, directory, reading) as file:
                asked = _asked(query, name, file, request.content_type)
                result = await imports.create(services, asked, context.caller(request).name, reading=reading)
    if result.status and query.seconds is not None:
        result = replace(result, status=await imports.get(services, result.status.job.id, query.seconds))
    answer = import_serializers.import_result(result)
    if result.status is None:
        return web.json_response(answer)
    return web.json_response(answer, status=202, headers={"Location": f"/api/v1/jobs/{result.status.job.id}"})


def _asked(query: import_queries.ImportQuery, list_name: str, file: BinaryIO, content_type: str) -> ImportRequest:
    return ImportRequest(
        list=list_name,
        file=file,
        format=query.format or FORMATS.get(content_type, ""),
        options=import_requests.read_options(query.map, query.separator, query.header, query.categories),
        signal_type=query.type,
        quality=query.quality,
        reason=query.reason,
        skip_bad=query.skip_bad,
        dry_run=query.dry_run,
        purge_again=query.purge_again,
        save_profile=query.save_profile,
        source=query.source if query.sync else "",
        sync=query.sync,
        allow_large_removal=query.allow_large_removal,
    )
