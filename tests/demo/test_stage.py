"""demo/stage.py: the parts stand in the order that the placement says."""

from pathlib import Path

import pytest
from tests.parts import require
from tests.scenarios.pictures import picture

from edgeward.demo.answer import ask
from edgeward.demo.photos import Photo
from edgeward.demo.stage import Placement, Stage


@pytest.mark.parametrize("placement", ["front", "fill"])
def test_requests_go_through_all_parts(tmp_path: Path, placement: Placement) -> None:
    """A photograph comes through cache and Edgeward; the cache then holds it, and asking it does not fill it."""
    require("varnishd")
    photo = Photo("photo.jpg", picture(1))
    with Stage(tmp_path, placement) as stage:
        stage.serve(photo)
        assert not stage.held(photo.path)
        assert stage.origin.count(photo.path) == 0
        assert stage.get(photo.path).body == photo.body
        assert stage.held(photo.path)
        assert stage.get(photo.path).header("X-Cache") == "HIT"
        assert stage.origin.count(photo.path) == 1
        counted = ask(stage.edge.admin, "/metrics").body.decode()
    assert 'edgeward_responses_total{reason="no_match",verdict="deliver"}' in counted
