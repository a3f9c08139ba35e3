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
    return web.json_response({"lists": [_shown(within, each) for each in lists]})


async def create(request: web.Request) -> web.Response:
    """POST /lists"""
    asked = await bodies.parse(request, bodies.NewList)
    made = HashList(
        asked.name,
        asked.kind,
        asked.mode,
        asked.action,
        _merge({}, asked.radius),
        asked.description,
        asked.rotations,
        asked.geometry,
    )
    within = services(request)
    change = await within.catalogue.create_list(made, caller(request).name, asked.why)
    state = await settled.applied(within, change.version)
    return web.json_response({**_shown(within, made), **state}, status=201)


async def show(request: web.Request) -> web.Response:
    """GET /lists/{name}"""
    bodies.query(request, bodies.NoQuery)
    within = services(request)
    found = await within.catalogue.get_list(request.match_info["name"])
    return web.json_response(_shown(within, found))


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
        rotations=old.rotations if asked.rotations is None else asked.rotations,
        geometry=old.geometry if asked.geometry is None else asked.geometry,
    )
    change = await within.catalogue.set_list(new, caller(request).name, asked.why)
    state = await settled.applied(within, change.version)
    return web.json_response({**_shown(within, new), **state})


async def delete(request: web.Request) -> web.Response:
    """DELETE /lists/{name}: the list and its entries."""
    why = bodies.query(request, bodies.Why).why
    within = services(request)
    old = await within.catalogue.get_list(request.match_info["name"])
    removed = _shown(within, old)
    change = await within.catalogue.delete_list(old.name, caller(request).name, why)
    return web.json_response({"removed": removed, **await settled.applied(within, change.version)})


def _shown(within: Services, hash_list: HashList) -> views.Json:
    """A list with its entries counted as this process has them loaded: an acknowledged one is always among them."""
    matcher = within.replica.matcher
    counts = {kind: number for (name, kind), number in matcher.counts().items() if number and name == hash_list.name}
    return views.hash_list(hash_list, counts, matcher.types)


def _merge(radius: dict[str, int], changes: dict[str, int | None]) -> dict[str, int]:
    merged = {**radius, **changes}
    return {name: bits for name, bits in merged.items() if bits is not None}
