"""demo/checks.py: the demonstration passes, and its checks can fail."""

import json
from pathlib import Path

import pytest
from tests.support.programs import require

from edgeward.demo import checks
from edgeward.demo.http_client import HttpResponse
from edgeward.demo.photos import Photo
from edgeward.errors import Exit, UserError


@pytest.mark.timeout(300)
def test_every_check_holds_in_both_placements(capfd: pytest.CaptureFixture[str]) -> None:
    """The demonstration with real parts ends with exit status 0, and the JSON has every check with its verdict."""
    require("varnishd")
    assert checks.run(as_json=True) == Exit.DONE
    report = json.loads(capfd.readouterr().out)
    assert report["ok"] is True
    assert {check["placement"] for check in report["checks"]} == {"front", "fill"}
    assert len(report["checks"]) >= 40
    assert report["seconds"] > 0


def test_too_few_photographs_are_an_error_before_anything_starts(tmp_path: Path) -> None:
    """A directory without three photographs is an error that says what is missing."""
    with pytest.raises(UserError, match="3 distinct photographs are needed"):
        checks.run(images=tmp_path)


def test_what_counts_as_blocked() -> None:
    """A 451 that contains the image, or that caches may store, does not count as blocked."""
    photo = Photo("a.jpg", b"image")
    headers = (("Cache-Control", "no-store"),)
    assert checks.is_blocked(photo, HttpResponse(451, headers, b"page", 0.0))
    assert not checks.is_blocked(photo, HttpResponse(200, headers, b"page", 0.0))
    assert not checks.is_blocked(photo, HttpResponse(451, headers, b"page image", 0.0))
    assert not checks.is_blocked(photo, HttpResponse(451, (), b"page", 0.0))
