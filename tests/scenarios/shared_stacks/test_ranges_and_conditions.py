"""HEAD, ranges and conditions neither give a listed image nor tell that it still exists."""

import pytest
from tests.scenarios.pictures import fresh

from edgeward.demo.http_client import HttpResponse, ask
from edgeward.demo.photos import Photo
from edgeward.demo.stack import Stack

RANGES = ["bytes=0-99", "bytes=100-", "bytes=-500", "bytes=0-", "bytes=0-9,20-29", "bytes=1-1"]


def _ask(stack: Stack, photo: Photo, method: str = "GET", **headers: str) -> HttpResponse:
    return ask(
        stack.client_address, photo.path, method, {name.replace("_", "-"): value for name, value in headers.items()}
    )


def _listed(stack: Stack, known: bool, cached: bool) -> tuple[Photo, HttpResponse]:
    """A listed picture, and the answer that a client got before the listing (or the origin's own).

    `known`: Edgeward had delivered it under this URL. `cached`: the cache holds it despite the listing.
    """
    photo = fresh()
    stack.serve(photo)
    before = _ask(stack, photo) if known else ask(stack.origin.address, photo.path)
    stack.edge.add_image("removed", photo.body, wait=True)
    if cached:
        ask(stack.cache_address, photo.path)
        assert stack.held(photo.path)
    return photo, before


@pytest.fixture(params=["unseen", "unseen and cached", "seen", "seen and cached"], scope="module")
def listed(front: Stack, request: pytest.FixtureRequest) -> tuple[Photo, HttpResponse]:
    return _listed(front, request.param.startswith("seen"), "cached" in request.param)


@pytest.mark.parametrize("wanted", RANGES)
def test_no_range_of_a_listed_image(front: Stack, listed: tuple[Photo, HttpResponse], wanted: str) -> None:
    """A range is refused like the whole image; Varnish itself refuses several ranges at once (416)."""
    answer = _ask(front, listed[0], Range=wanted)
    assert answer.status == 451 or (answer.status == 416 and "," in wanted)
    assert listed[0].body[:10] not in answer.body


def test_no_range_by_if_range(front: Stack, listed: tuple[Photo, HttpResponse]) -> None:
    """A range that resumes an earlier download is refused."""
    photo, before = listed
    assert _ask(front, photo, Range="bytes=50-", If_Range=before.header("ETag") or "").status == 451


def test_a_condition_is_refused(front: Stack, listed: tuple[Photo, HttpResponse]) -> None:
    """If-None-Match and If-Modified-Since with its validators get 451, never 304: that would renew a browser's copy."""
    photo, before = listed
    assert _ask(front, photo, If_None_Match=before.header("ETag") or "").status == 451
    assert _ask(front, photo, If_None_Match="*").status == 451
    assert _ask(front, photo, If_Modified_Since=before.header("Last-Modified") or "").status == 451


def test_head_is_refused_without_a_body(front: Stack, listed: tuple[Photo, HttpResponse]) -> None:
    """HEAD gets the same 451 as GET, without a body and without the image's headers."""
    answer = _ask(front, listed[0], "HEAD")
    assert (answer.status, answer.body, answer.header("ETag")) == (451, b"", None)


def test_an_image_cannot_be_assembled_from_ranges(front: Stack) -> None:
    """Ranges after the listing are refused, so an earlier download stays incomplete."""
    photo = fresh()
    front.serve(photo)
    first = _ask(front, photo, Range="bytes=0-999")
    assert first.status in (200, 206)
    front.edge.add_image("removed", photo.body)
    rest = [_ask(front, photo, Range=f"bytes={start}-{start + 999}") for start in range(1000, len(photo.body), 1000)]
    assert {answer.status for answer in rest} == {451}


def test_unlisted_images_answer_ranges_conditions_and_head(front: Stack) -> None:
    """For an unlisted image a range gives the right bytes, a condition 304, and HEAD the length."""
    photo = fresh()
    front.serve(photo)
    whole = _ask(front, photo)
    part = _ask(front, photo, Range="bytes=10-19")
    assert (part.status, part.body) in ((206, photo.body[10:20]), (200, photo.body))
    unchanged = _ask(front, photo, If_None_Match=whole.header("ETag") or "")
    assert (unchanged.status, unchanged.body) == (304, b"")
    head = _ask(front, photo, "HEAD")
    assert (head.status, head.header("Content-Length")) == (200, str(len(photo.body)))


def test_a_condition_on_an_image_that_this_edge_never_saw(front: Stack) -> None:
    """A 304 for an unlisted image is delivered, though Edgeward has to fetch and judge the image first."""
    photo = fresh()
    front.serve(photo)
    tag = ask(front.origin.address, photo.path).header("ETag") or ""
    assert _ask(front, photo, If_None_Match=tag).status == 304
