"""The audit trail: who did what, when, from where and why."""

from aiohttp import web

from edgeward.api import context, lookup_queries, requests
from edgeward.api.serializers import Json
from edgeward.lists.audit_reader import AuditFilter, AuditLine, AuditReader, Position


async def index(request: web.Request) -> web.Response:
    """GET /audit, newest first; with `after`, what was done since then, oldest first."""
    query = requests.parse_query(request, lookup_queries.AuditQuery)
    reader = AuditReader(context.services(request).store)
    wanted = AuditFilter(query.list, query.who, query.op, query.since, query.until)
    if query.after:
        page = await reader.after(wanted, Position.parse(query.after), query.limit)
        return web.json_response({"acts": [_line(each) for each in page.lines], "newest": str(page.end)})
    # Read first: what is done meanwhile is later than this position, and `after` finds it.
    newest = await reader.newest()
    start = Position.parse(query.cursor) if query.cursor else await reader.start(newest, query.until)
    page = await reader.before(wanted, start, query.limit)
    cursor = str(page.end) if page.more else None
    acts = [_line(each) for each in page.lines]
    return web.json_response({"acts": acts, "cursor": cursor, "newest": str(newest)})


def _line(value: AuditLine) -> Json:
    """`versions`: of the lists, made by the first and the last change; null for other acts."""
    return {
        "op": value.op,
        "who": value.who,
        "at": value.at,
        "first_at": value.first_at,
        "from": value.origin,
        "why": value.why,
        "list": value.list,
        "act": value.act,
        "count": value.count,
        "versions": value.versions if value.versions[1] else None,
        "about": dict(value.about),
    }
