"""Requests whose body is an image."""

from aiohttp import web

from edgeward.api import context, requests


def is_json(request: web.Request) -> bool:
    """Whether the body is JSON. False: it is an image.

    Raises:
        WrongType: neither, by its Content-Type.
    """
    media_type = request.content_type
    if media_type == "application/json":
        return True
    if media_type == "application/octet-stream" or media_type.startswith("image/"):
        return False
    raise requests.WrongType(f"Content-Type {media_type}: send application/json, image/* or application/octet-stream")


async def read_image(request: web.Request) -> bytes:
    """The image in the body. Raises TooMuch if it has more than hashing.max_bytes."""
    return await requests.read_body(request, context.services(request).config.hashing.max_bytes)
