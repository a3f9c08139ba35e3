"""A listed image is recognised whatever its declared type, coding, format, chunks or status."""

import io
import zlib
from typing import Any
from uuid import uuid4

import brotli
import pytest
import skimage.data
from PIL import Image
from tests.hashing.pictures import encoded
from tests.scenarios.pictures import fresh
from tests.support.programs import gzipped

from edgeward.demo.photos import Photo
from edgeward.demo.stack import Stack

TYPES = [None, "text/html", "text/plain", "application/octet-stream", "video/mp4", "image/svg+xml", "image/png", "x"]
FORMS: list[tuple[str, str, dict[str, Any]]] = [
    ("PNG", "image/png", {}),
    ("WEBP", "image/webp", {"quality": 80}),
    ("GIF", "image/gif", {}),
    ("AVIF", "image/avif", {}),
    ("BMP", "image/bmp", {}),
    ("TIFF", "image/tiff", {}),
    ("HEIF", "image/heic", {}),
    ("JXL", "image/jxl", {}),
    ("JPEG2000", "image/jp2", {}),
    ("ICO", "image/x-icon", {}),
    ("MPO", "image/jpeg", {}),
]


def _status(stack: Stack, photo: Photo, **headers: str) -> int:
    answer = stack.get(photo.path, **headers)
    assert answer.status == 451 or answer.body, photo.path
    return answer.status


def _written_as(photo: Photo, form: str, media_type: str, options: dict[str, Any]) -> Photo:
    with Image.open(io.BytesIO(photo.body)) as picture:
        return Photo(f"{uuid4()}.{form.lower()}", encoded(picture, form, **options), media_type)


def _listed(stack: Stack) -> Photo:
    photo = fresh()
    stack.edge.add_image("removed", photo.body)
    return photo


@pytest.mark.parametrize("content_type", TYPES)
def test_the_declared_type_does_not_matter(front: Stack, content_type: str | None) -> None:
    """With a wrong, odd or missing Content-Type the bytes decide: listed images are refused, others unchanged."""
    photo, clean = _listed(front), fresh()
    front.origin.put(photo.path, photo.body, content_type)
    front.origin.put(clean.path, clean.body, content_type)
    assert front.get(photo.path).status == 451
    answer = front.get(clean.path)
    assert (answer.status, answer.body, answer.header("Content-Type")) == (200, clean.body, content_type)


@pytest.mark.parametrize(("form", "media_type", "options"), FORMS)
def test_every_decoded_format(front: Stack, form: str, media_type: str, options: dict[str, Any]) -> None:
    """A listed image is recognised in its own format, declared as something else."""
    photo = _written_as(fresh(), form, media_type, options)
    front.origin.put(photo.path, photo.body, "text/plain")
    assert front.get(photo.path).body == photo.body
    front.edge.add_image("removed", photo.body)
    assert front.get(photo.path).status == 451


@pytest.mark.parametrize(("form", "media_type", "options"), FORMS)
def test_another_format_does_not_hide_it(front: Stack, form: str, media_type: str, options: dict[str, Any]) -> None:
    """A photograph listed as a JPEG is refused in every decoded format."""
    # A photograph, since drawings have little detail; mirrored, so that no other test has it.
    body = encoded(Image.fromarray(skimage.data.coffee()).transpose(Image.Transpose.FLIP_LEFT_RIGHT), "JPEG")
    listed = Photo(f"as-{form}.jpg", body, "image/jpeg")
    front.edge.add_image("removed", listed.body)
    photo = _written_as(listed, form, media_type, options)
    front.origin.put(photo.path, photo.body, media_type)
    assert front.get(photo.path).status == 451


@pytest.mark.parametrize(
    ("coding", "coded"),
    [
        ("gzip", gzipped),
        ("deflate", zlib.compress),
        ("br", brotli.compress),
        ("gzip, gzip", lambda body: gzipped(gzipped(body))),
    ],
)
@pytest.mark.parametrize("content_type", ["image/jpeg", "text/plain"])
def test_a_coding_does_not_hide_it(front: Stack, coding: str, coded: Any, content_type: str) -> None:
    """A coded image is refused, also with a wrong type; an unlisted one passes in the coding of the request."""
    photo, clean = _listed(front), fresh()
    for each in (photo, clean):
        front.origin.put(each.path, coded(each.body), content_type, headers=[("Content-Encoding", coding)])
    for accepted in (coding, "identity"):
        assert front.get(photo.path, Accept_Encoding=accepted).status == 451
    answer = front.get(clean.path, Accept_Encoding=coding)
    assert (answer.status, answer.body) in ((200, coded(clean.body)), (200, clean.body))


def test_an_image_with_a_false_content_encoding(front: Stack) -> None:
    """An image declared with a coding that it does not have is never delivered unjudged."""
    photo = _listed(front)
    front.origin.put(photo.path, photo.body, "image/jpeg", headers=[("Content-Encoding", "br")])
    answer = front.get(photo.path, Accept_Encoding="br")
    assert answer.status in (403, 451)
    assert photo.body[:1000] not in answer.body


def test_chunks_and_slow_bodies_do_not_hide_it(front: Stack) -> None:
    """A body of unknown length, or one that arrives slowly, is judged when it is complete."""
    photo, slow = _listed(front), _listed(front)
    front.origin.put(photo.path, photo.body, None, chunked=True)
    front.origin.put(slow.path, slow.body, None, delay=0.3)
    assert front.get(photo.path).status == 451
    assert front.get(slow.path).status == 451


@pytest.mark.parametrize("status", [201, 203, 404, 410, 500])
def test_another_status_does_not_hide_it(front: Stack, status: int) -> None:
    """Browsers show images of error responses too, so they are judged."""
    photo, clean = _listed(front), fresh()
    for each in (photo, clean):
        front.origin.put(each.path, each.body, status=status)
    assert front.get(photo.path).status == 451
    answer = front.get(clean.path)
    assert (answer.status, answer.body) == (status, clean.body)
