"""Images that people send in: hashed in an isolated process and dropped."""

from edgeward.errors import BadImage, Unavailable
from edgeward.hashing.hash_request import HashRequest
from edgeward.hashing.media_types import NOT_AN_IMAGE
from edgeward.operations.services import Services
from edgeward.types import Fingerprint, Flaw, View


async def fingerprint(services: Services, body: bytes, views: frozenset[View] = frozenset()) -> Fingerprint:
    """The exact fingerprint of the image in `body`, including these views.

    An image that begins like one and can't be decoded has a `flaw`, and digests only.

    Raises:
        BadImage: the bytes are neither an image nor an SVG.
        Unavailable: every hasher is busy.
    """
    if not body:
        raise BadImage("the body is empty")
    hashed = await services.hashers.fingerprint(body, HashRequest(exact=True, views=views))
    if hashed.flaw is Flaw.OVERLOADED:
        raise Unavailable("every hasher is busy: try again")
    if not hashed.media_type:
        raise BadImage(NOT_AN_IMAGE)
    return hashed
