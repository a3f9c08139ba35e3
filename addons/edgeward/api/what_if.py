"""What a list would match of all images seen, if its policy were another."""

from aiohttp import web

from edgeward.api import context, requests
from edgeward.api.serializers import Json
from edgeward.operations import what_if
from edgeward.operations.lists import ListChanges, radius_in_force
from edgeward.operations.what_if import WhatIf
from edgeward.types import HashList


async def show(request: web.Request) -> web.Response:
    """GET /lists/{name}/what-if"""
    query = requests.parse_query(request, requests.WhatIfQuery)
    radius = requests.radius_of_query(query.radius)
    changes = ListChanges(
        radius=radius, rotations=query.rotations, geometry=query.geometry, min_quality=query.min_quality
    )
    services, name = context.services(request), request.match_info["name"]
    return web.json_response(_json(await what_if.what_if(services, name, changes, query.timeout)))


def _json(value: WhatIf) -> Json:
    return {
        "list": value.after.name,
        "before": _policy(value.before),
        "after": _policy(value.after),
        "entries": value.entries,
        "searched": value.searched,
        "complete": value.is_complete,
        "images": value.images,
        "matching": value.matching,
        "would_match": value.would_match,
        "distances": {
            kind: {str(distance): counts[distance] for distance in sorted(counts)}
            for kind, counts in sorted(value.distances.items())
        },
    }


def _policy(value: HashList) -> Json:
    return {
        "radius": radius_in_force(value),
        "rotations": value.rotations,
        "geometry": value.geometry,
        "min_quality": value.min_quality,
    }
