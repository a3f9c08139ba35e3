"""A listed image is recognised inside an SVG and, with hashing.data_uris, inside an HTML page or a style sheet."""

import base64
import gzip
from collections.abc import Callable
from urllib.parse import quote

import pytest
from tests.scenarios.pictures import fresh

from edgeward.demo.caches import Varnish
from edgeward.demo.photos import Photo
from edgeward.demo.stack import Stack

type Wrap = Callable[[Photo], bytes]

PAGE = b"<!doctype html><p>hello<img src='/a.jpg'>" * 100
NOT_IMAGE = 'edgeward_responses_total{reason="not_image",verdict="deliver"}'


with_varnish = pytest.mark.parametrize("stack", [Varnish], indirect=True, ids=["varnish"])
"""With the stack of one cache only: `stack` hashes images in data: URIs of HTML and CSS, `front` does not."""


def _uri(photo: Photo) -> str:
    return f"data:image/jpeg;base64,{base64.b64encode(photo.body).decode()}"


def _svg(photo: Photo) -> bytes:
    return f'<svg xmlns="http://www.w3.org/2000/svg"><image href="{_uri(photo)}"/></svg>'.encode()


def _in_svg(photo: Photo) -> bytes:
    inner = f"data:image/svg+xml,{quote(_svg(photo))}"
    return f'<svg xmlns="http://www.w3.org/2000/svg"><image href="{inner}"/></svg>'.encode()


def _page(photo: Photo) -> bytes:
    return PAGE + f"<img src={_uri(photo)}>".encode()


def _sheet(photo: Photo) -> bytes:
    return f"body {{ background: url('{_uri(photo)}') }}".encode()


@pytest.mark.parametrize(
    ("wrapped", "content_type"),
    [
        (_svg, "image/svg+xml"),
        (_svg, "application/xml"),
        (_svg, None),
        (_in_svg, "image/svg+xml; charset=utf-8"),
        (lambda photo: gzip.compress(_svg(photo), mtime=0), "image/svg+xml"),
        (lambda photo: _svg(photo)[:-8], "image/svg+xml"),
    ],
)
def test_inside_an_svg(front: Stack, wrapped: Wrap, content_type: str | None) -> None:
    """It is refused wherever a browser would show it; an SVG with another image passes unchanged."""
    photo, other = fresh(), fresh()
    front.edge.add_image("removed", photo.body)
    for each in (photo, other):
        front.origin.put(each.path, wrapped(each), content_type)
    assert front.get(photo.path).status == 451
    answer = front.get(other.path)
    assert (answer.status, answer.body) == (200, wrapped(other))


def test_an_svg_that_was_seen_is_purged_when_its_image_is_listed(front: Stack) -> None:
    """Retromatching finds the image inside, like any other."""
    photo = fresh()
    front.origin.put(photo.path, _svg(photo), "image/svg+xml")
    assert front.get(photo.path).status == 200
    assert front.held(photo.path)
    front.edge.add_image("removed", photo.body, wait=True)
    assert not front.held(photo.path)
    assert front.get(photo.path).status == 451


@with_varnish
@pytest.mark.parametrize(("wrapped", "content_type"), [(_page, "text/html; charset=utf-8"), (_sheet, "text/css")])
def test_inside_a_page(stack: Stack, front: Stack, wrapped: Wrap, content_type: str) -> None:
    """Only with hashing.data_uris: then the page is answered like the image."""
    photo, other = fresh(), fresh()
    for site in (stack, front):
        site.edge.add_image("removed", photo.body)
        for each in (photo, other):
            site.origin.put(each.path, wrapped(each), content_type)
        assert site.get(other.path).body == wrapped(other)
    for headers in ({}, {"Range": "bytes=0-9"}, {"Accept_Encoding": "gzip"}):
        assert stack.get(photo.path, **headers).status == 451
    assert front.get(photo.path).status == 200


@with_varnish
def test_pages_without_images_pass(stack: Stack) -> None:
    """Unchanged, and counted as not_image."""
    stack.origin.put("/plain.html", PAGE, "text/html")
    before = stack.edge.metric(NOT_IMAGE)
    for _ in range(2):
        answer = stack.get("/plain.html")
        assert (answer.status, answer.body) == (200, PAGE)
    assert stack.edge.metric(NOT_IMAGE) == before + 2
