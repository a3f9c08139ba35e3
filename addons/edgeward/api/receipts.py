"""Receipts: the proof of a takedown or a listing, as JSON or, for a browser, as a page."""

from aiohttp import web

from edgeward.api import context, receipt_page, requests, serializers
from edgeward.api.serializers import Json
from edgeward.operations import receipts


async def of_takedown(request: web.Request) -> web.Response:
    """GET /takedowns/{id}"""
    page = requests.parse_query(request, requests.PageQuery)
    services, takedown_id = context.services(request), request.match_info["id"]
    receipt = await receipts.of_takedown(services, takedown_id, page.cursor, page.limit)
    return _respond(request, serializers.takedown_receipt(receipt))


async def of_entry(request: web.Request) -> web.Response:
    """GET /entries/{id}/receipt"""
    page = requests.parse_query(request, requests.PageQuery)
    services, entry_id = context.services(request), request.match_info["id"]
    receipt = await receipts.of_entry(services, entry_id, page.cursor, page.limit)
    return _respond(request, serializers.entry_receipt(receipt))


def _respond(request: web.Request, receipt: Json) -> web.Response:
    """HTML for a client that accepts it and does not accept JSON too: a browser."""
    # Browsers list text/html and */*. A program that lists JSON at all wants that.
    accepted = request.headers.get("Accept", "")
    if "text/html" not in accepted or "application/json" in accepted:
        return web.json_response(receipt)
    headers = {"Content-Security-Policy": receipt_page.POLICY, "Vary": "Accept"}
    return web.Response(text=receipt_page.render(receipt), content_type="text/html", headers=headers)
