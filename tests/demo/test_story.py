"""demo/story.py: the demonstration itself, and that it can fail."""

import json
from pathlib import Path

import pytest
from tests.parts import require

from edgeward.demo import story
from edgeward.demo.answer import Answer
from edgeward.demo.photos import Photo
from edgeward.errors import Exit, UserError


@pytest.mark.timeout(300)
def test_every_check_holds_in_both_placements(capfd: pytest.CaptureFixture[str]) -> None:
    """The whole story on real parts ends with exit status 0, every check with its verdict in the JSON."""
    require("varnishd")
    assert story.run(as_json=True) == Exit.DONE
    report = json.loads(capfd.readouterr().out)
    assert report["ok"] is True
    assert {check["placement"] for check in report["checks"]} == {"front", "fill"}
    assert len(report["checks"]) >= 40
    assert report["seconds"] > 0


def test_too_few_photographs_are_an_error_before_anything_starts(tmp_path: Path) -> None:
    """A directory without three photographs is refused by name of what is missing."""
    with pytest.raises(UserError, match="3 photographs that differ are needed"):
        story.run(images=tmp_path)


def test_an_image_that_came_through_is_no_block() -> None:
    """A 451 that carries the image, or that caches may keep, does not count as blocked."""
    photo = Photo("a.jpg", b"image")
    headers = (("Cache-Control", "no-store"),)
    assert story.is_blocked(photo, Answer(451, headers, b"page", 0.0))
    assert not story.is_blocked(photo, Answer(200, headers, b"page", 0.0))
    assert not story.is_blocked(photo, Answer(451, headers, b"page image", 0.0))
    assert not story.is_blocked(photo, Answer(451, (), b"page", 0.0))
