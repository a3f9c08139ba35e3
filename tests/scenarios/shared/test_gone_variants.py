"""What a cache keeps apart by request headers (Vary) goes from each kind of cache in every variant."""

import pytest
from tests.scenarios.orders import SITE, deliveries, listed, taken_down
from tests.scenarios.pictures import fresh

from edgeward.demo.photos import Photo
from edgeward.demo.stage import Stage

ACCEPTS = ["*/*", "image/webp,*/*", "image/avif,image/webp,*/*", "image/jpeg,image/png;q=0.8,*/*;q=0.5"]
LANGUAGES = ["", "de", "en"]
VARIANTS = {
    "Accept": [{"Accept": accept} for accept in ACCEPTS],
    "Accept-Language, Accept": [
        {"Accept": accept, **({"Accept_Language": language} if language else {})}
        for accept in ACCEPTS[:2]
        for language in LANGUAGES
    ],
}


def _cached(stage: Stage, photo: Photo, vary: str) -> None:
    """Have every variant served and cached."""
    stage.origin.put(photo.path, photo.body, headers=[("Vary", vary)])
    for variant in VARIANTS[vary]:
        assert stage.get(photo.path, **variant).body == photo.body
    assert stage.origin.count(photo.path) > 1
    assert [variant for variant in VARIANTS[vary] if not stage.held(photo.path, **variant)] == []


@pytest.mark.parametrize("vary", VARIANTS)
def test_a_listing_removes_every_variant(stage: Stage, vary: str) -> None:
    """None is served again, with whatever headers, not even when the origin has varied the same way since."""
    photo = fresh()
    _cached(stage, photo, vary)
    orders = listed(stage, photo)
    assert [variant for variant in VARIANTS[vary] if stage.held(photo.path, **variant)] == []
    assert {stage.get(photo.path, **variant).status for variant in VARIANTS[vary]} == {451}
    assert deliveries(orders, stage.cache.driver) == {"verified"}
    other = fresh()
    stage.origin.put(photo.path, other.body, headers=[("Vary", vary)])
    for variant in VARIANTS[vary]:
        assert stage.get(photo.path, at=stage.cache, **variant).body == other.body


@pytest.mark.parametrize("vary", VARIANTS)
def test_a_takedown_by_url_removes_every_variant(stage: Stage, vary: str) -> None:
    """Though it names no headers."""
    photo = fresh()
    _cached(stage, photo, vary)
    taken_down(stage, urls=[SITE + photo.path])
    assert [variant for variant in VARIANTS[vary] if stage.held(photo.path, **variant)] == []
