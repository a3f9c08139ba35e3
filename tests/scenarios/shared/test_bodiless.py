"""HEAD, ranges and conditions can't be used to get a listed image, nor to learn that it is still there."""

import pytest
from tests.scenarios.pictures import fresh

from edgeward.demo.answer import Answer, ask
from edgeward.demo.photos import Photo
from edgeward.demo.stage import Stage

RANGES = ["bytes=0-99", "bytes=100-", "bytes=-500", "bytes=0-", "bytes=0-9,20-29", "bytes=1-1"]


def _ask(stage: Stage, photo: Photo, method: str = "GET", **headers: str) -> Answer:
    return ask(stage.door, photo.path, method, {name.replace("_", "-"): value for name, value in headers.items()})


def _listed(stage: Stage, known: bool, cached: bool) -> tuple[Photo, Answer]:
    """A listed picture and the answer that a client had to it before (or the origin's own).

    `known`: Edgeward had delivered it under this URL. `cached`: the cache holds it nevertheless.
    """
    photo = fresh()
    stage.serve(photo)
    before = _ask(stage, photo) if known else ask(stage.origin.address, photo.path)
    stage.edge.add_image("removed", photo.body, wait=True)
    if cached:
        ask(stage.cache_address, photo.path)
        assert stage.held(photo.path)
    return photo, before


@pytest.fixture(params=["unseen", "unseen and cached", "seen", "seen and cached"], scope="module")
def listed(front: Stage, request: pytest.FixtureRequest) -> tuple[Photo, Answer]:
    return _listed(front, request.param.startswith("seen"), "cached" in request.param)


@pytest.mark.parametrize("wanted", RANGES)
def test_no_range_of_a_listed_image(front: Stage, listed: tuple[Photo, Answer], wanted: str) -> None:
    """A part of it is refused like the whole; several parts at once are what Varnish itself refuses (416)."""
    answer = _ask(front, listed[0], Range=wanted)
    assert answer.status == 451 or (answer.status == 416 and "," in wanted)
    assert listed[0].body[:10] not in answer.body


def test_no_range_by_if_range(front: Stage, listed: tuple[Photo, Answer]) -> None:
    """A range that resumes a download of before is refused."""
    photo, before = listed
    assert _ask(front, photo, Range="bytes=50-", If_Range=before.header("ETag") or "").status == 451


def test_a_condition_is_refused(front: Stage, listed: tuple[Photo, Answer]) -> None:
    """If-None-Match and If-Modified-Since with its validators get 451, never 304: a browser's copy is not renewed."""
    photo, before = listed
    assert _ask(front, photo, If_None_Match=before.header("ETag") or "").status == 451
    assert _ask(front, photo, If_None_Match="*").status == 451
    assert _ask(front, photo, If_Modified_Since=before.header("Last-Modified") or "").status == 451


def test_head_is_refused_without_a_body(front: Stage, listed: tuple[Photo, Answer]) -> None:
    """HEAD gets the 451 that GET would, without its body and without the image's headers."""
    answer = _ask(front, listed[0], "HEAD")
    assert (answer.status, answer.body, answer.header("ETag")) == (451, b"", None)


def test_an_image_can_not_be_put_together_from_parts(front: Stage) -> None:
    """Parts fetched after the listing are refused, so what was fetched before stays a torso."""
    photo = fresh()
    front.serve(photo)
    first = _ask(front, photo, Range="bytes=0-999")
    assert first.status in (200, 206)
    front.edge.add_image("removed", photo.body)
    rest = [_ask(front, photo, Range=f"bytes={start}-{start + 999}") for start in range(1000, len(photo.body), 1000)]
    assert {answer.status for answer in rest} == {451}


def test_clean_images_keep_their_ranges_conditions_and_heads(front: Stage) -> None:
    """For an unlisted image a range yields the right bytes, a condition a 304, a HEAD the length."""
    photo = fresh()
    front.serve(photo)
    whole = _ask(front, photo)
    part = _ask(front, photo, Range="bytes=10-19")
    assert (part.status, part.body) in ((206, photo.body[10:20]), (200, photo.body))
    unchanged = _ask(front, photo, If_None_Match=whole.header("ETag") or "")
    assert (unchanged.status, unchanged.body) == (304, b"")
    head = _ask(front, photo, "HEAD")
    assert (head.status, head.header("Content-Length")) == (200, str(len(photo.body)))


def test_a_condition_on_an_image_that_this_edge_never_saw(front: Stage) -> None:
    """A 304 for a clean image is delivered although Edgeward has to look at the image first."""
    photo = fresh()
    front.serve(photo)
    tag = ask(front.origin.address, photo.path).header("ETag") or ""
    assert _ask(front, photo, If_None_Match=tag).status == 304
