"""Lists: named sets of entries with their policy."""

from aiohttp import web

from edgeward.control import bodies, settled, views
from edgeward.control.services import Services, caller, services
from edgeward.types import HashList


async def index(request: web.Request) -> web.Response:
    """GET /lists"""
    bodies.query(request, bodies.NoQuery)
    within = services(request)
    lists = await within.catalogue.lists()
    return web.json_response({"lists": [views.hash_list(each, _size(within, each.name)) for each in lists]})


async def create(request: web.Request) -> web.Response:
    """POST /lists"""
    asked = await bodies.parse(request, bodies.NewList)
    made = HashList(asked.name, asked.kind, asked.mode, asked.action, _merge({}, asked.radius), asked.description)
    change = await services(request).catalogue.create_list(made, caller(request).name, asked.why)
    state = await settled.applied(services(request), change.version)
    return web.json_response({**views.hash_list(made, 0), **state}, status=201)


async def show(request: web.Request) -> web.Response:
    """GET /lists/{name}"""
    bodies.query(request, bodies.NoQuery)
    within = services(request)
    found = await within.catalogue.get_list(request.match_info["name"])
    return web.json_response(views.hash_list(found, _size(within, found.name)))


async def change(request: web.Request) -> web.Response:
    """PATCH /lists/{name}: what is not named stays (RFC 7396 for `radius`: null gives a type its default back)."""
    asked = await bodies.parse(request, bodies.ListPatch)
    within = services(request)
    old = await within.catalogue.get_list(request.match_info["name"])
    new = HashList(
        name=old.name,
        kind=old.kind,
        mode=asked.mode or old.mode,
        action=asked.action or old.action,
        radius=_merge(dict(old.radius), asked.radius or {}),
        description=old.description if asked.description is None else asked.description,
    )
    change = await within.catalogue.set_list(new, caller(request).name, asked.why)
    state = await settled.applied(within, change.version)
    return web.json_response({**views.hash_list(new, _size(within, new.name)), **state})


async def delete(request: web.Request) -> web.Response:
    """DELETE /lists/{name}: the list and its entries."""
    why = bodies.query(request, bodies.Why).why
    within = services(request)
    old = await within.catalogue.get_list(request.match_info["name"])
    removed = views.hash_list(old, _size(within, old.name))
    change = await within.catalogue.delete_list(old.name, caller(request).name, why)
    return web.json_response({"removed": removed, **await settled.applied(within, change.version)})


def _size(within: Services, name: str) -> int:
    """Entries of a list, as this process has them loaded: an acknowledged one is always among them."""
    return len(within.replica.matcher.entries(name))


def _merge(radius: dict[str, int], changes: dict[str, int | None]) -> dict[str, int]:
    merged = {**radius, **changes}
    return {name: bits for name, bits in merged.items() if bits is not None}
