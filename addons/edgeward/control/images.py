"""Images that are sent in: read within bounds, hashed exactly in an isolated process, and dropped."""

from aiohttp import web

from edgeward.control import bodies
from edgeward.control.services import services
from edgeward.errors import BadImage, Unavailable
from edgeward.hashing.request import HashRequest
from edgeward.types import Fingerprint, Flaw, View


def is_json(request: web.Request) -> bool:
    """Whether the body is JSON; False: the bytes of an image.

    Raises:
        WrongType: neither, by its Content-Type.
    """
    kind = request.content_type
    if kind == "application/json":
        return True
    if kind == "application/octet-stream" or kind.startswith("image/"):
        return False
    raise bodies.WrongType(f"Content-Type {kind}: send application/json, image/* or application/octet-stream")


async def fingerprint(request: web.Request, views: frozenset[View] = frozenset()) -> Fingerprint:
    """The exact fingerprint of the picture in the body, in `views` too.

    Raises:
        TooMuch: it has more bytes than hashing.max_bytes.
        BadImage: the bytes are no picture, nor an SVG that shows one.
        Unavailable: every hasher is busy.
    """
    body = await bodies.read(request, services(request).config.hashing.max_bytes)
    if not body:
        raise BadImage("the body is empty")
    made = await services(request).pool.fingerprint(body, HashRequest(exact=True, views=views))
    if made.flaw is Flaw.OVERLOADED:
        raise Unavailable("every hasher is busy: ask again")
    if not made.media_type:
        raise BadImage("the bytes are no picture: they begin like no image format")
    return made
