"""A file of hashes in the shape in which NCMEC's hash sharing gives them, made by code: no programme has these."""

import hashlib
from collections.abc import Sequence

NAMESPACE = "https://hashsharing.ncmec.org/hashsharing/v2"
OTHERS = 50
"""Hashes in the file that no photograph has."""


def programme_list(bodies: Sequence[bytes]) -> bytes:
    """Images by MD5 and SHA-1: these bodies, and OTHERS more; and one video, which an import leaves out."""
    invented = [f"invented {number}".encode() for number in range(OTHERS)]
    images = "".join(_image(number, body) for number, body in enumerate((*bodies, *invented), 1))
    video = f'<video><member id="1">Demo</member><id>v1</id><fingerprints><md5>{"ab" * 16}</md5></fingerprints></video>'
    return (
        f'<?xml version="1.0" encoding="UTF-8"?>\n<queryResult xmlns="{NAMESPACE}">'
        f'<images count="{len(bodies) + OTHERS}">{images}</images><videos count="1">{video}</videos></queryResult>'
    ).encode()


def _image(number: int, body: bytes) -> str:
    md5 = hashlib.md5(body, usedforsecurity=False).hexdigest()
    sha1 = hashlib.sha1(body, usedforsecurity=False).hexdigest()
    return (
        f'<image><member id="1">Demo</member><timestamp>2026-11-30T00:00:00Z</timestamp><id>{number}</id>'
        f"<classification>A2</classification><fingerprints><md5>{md5}</md5><sha1>{sha1}</sha1></fingerprints></image>"
    )
