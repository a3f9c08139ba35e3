"""Requests whose body is an image."""

import base64

import pytest
from tests.support.controllers import Api, photo


@pytest.mark.parametrize("body", [b"", b"hello, world, this is no picture", b"%PDF-1.7 ..." + b"\0" * 100])
def test_bytes_that_are_not_an_image_are_refused(api: Api, a_list: str, body: bytes) -> None:
    """Bytes that do not begin like an image are an error, for listing and for checking."""
    for path in (f"/lists/{a_list}/entries", "/check"):
        answer = api.post(path, body)
        assert (answer.status, answer.json["type"]) == (422, "urn:edgeward:problem:bad-image")


def test_the_declared_type_is_ignored(api: Api) -> None:
    """A PNG that is declared a JPEG is a PNG."""
    answer = api.ask("POST", "/check", photo(image_format="PNG"), content_type="image/jpeg")
    assert answer.json["fingerprint"]["media_type"] == "image/png"


def test_other_content_types_are_refused(api: Api) -> None:
    """A form is neither JSON nor an image, and the answer says what to send."""
    answer = api.ask("POST", "/check", photo(), content_type="application/x-www-form-urlencoded")
    assert answer.status == 415
    assert "application/octet-stream" in answer.json["detail"]


def test_an_image_beyond_the_limit_is_refused(api: Api) -> None:
    """More than hashing.max_bytes is 413, also for chunked bodies of unknown length."""
    limit = 32 * 1024 * 1024
    assert api.post("/check", b"\xff\xd8\xff" + b"\0" * limit).status == 413
    chunks = (b"\0" * 2**20 for _ in range(33))
    chunked = api.ask("POST", "/check", chunks, content_type="image/jpeg")
    assert chunked.status == 413


def test_an_svg_is_checked_and_not_listed(api: Api, a_list: str) -> None:
    """The images in an SVG are checked. It can't be listed: all of them would be, by mistake."""
    inner = base64.b64encode(photo(image_format="PNG")).decode()
    svg = f'<svg xmlns="http://www.w3.org/2000/svg"><image href="data:image/png;base64,{inner}"/></svg>'.encode()
    found = api.post("/check", svg).json["fingerprint"]
    assert found["media_type"] == "image/svg+xml"
    assert "pdq" in {signal["type"] for signal in found["signals"]}
    refused = api.post(f"/lists/{a_list}/entries", svg)
    assert refused.status == 422
    assert "SVG" in refused.json["detail"]
