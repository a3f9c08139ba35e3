"""Rollbacks: a list is again as it was at a version."""

from aiohttp import web

from edgeward.api import context, import_serializers, requests
from edgeward.operations import rollback


async def create(request: web.Request) -> web.Response:
    """POST /lists/{name}/rollback. Answers once its import is recorded, or held, or after a dry run."""
    body = await requests.parse_body(request, requests.RollbackBody)
    services, who, name = context.services(request), context.caller(request).name, request.match_info["name"]
    result = await rollback.rollback(services, name, body.version, who, body.why, body.dry_run)
    answer = import_serializers.import_result(result)
    if result.status is None:
        return web.json_response(answer)
    return web.json_response(answer, status=202, headers={"Location": f"/api/v1/jobs/{result.status.job.id}"})
