"""Every variant that a cache stores by request headers (Vary) is purged, from each kind of cache."""

import pytest
from tests.scenarios.pictures import fresh
from tests.scenarios.purge_orders import SITE, deliveries, list_and_wait, take_down_and_wait
from tests.support.eventually import until

from edgeward.demo.caches import Squid
from edgeward.demo.http_client import HttpResponse
from edgeward.demo.photos import Photo
from edgeward.demo.stack import Stack

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


def _cached(stack: Stack, photo: Photo, vary: str) -> None:
    """Have every variant delivered and cached."""
    stack.origin.put(photo.path, photo.body, headers=[("Vary", vary)])
    for variant in VARIANTS[vary]:
        assert stack.get(photo.path, **variant).body == photo.body
    assert stack.origin.count(photo.path) > 1
    assert [variant for variant in VARIANTS[vary] if not stack.held(photo.path, **variant)] == []


@pytest.mark.parametrize("vary", VARIANTS)
def test_a_listing_removes_every_variant(stack: Stack, vary: str) -> None:
    """None is served again with any headers, nor once the origin serves another picture with the same Vary."""
    photo = fresh()
    _cached(stack, photo, vary)
    orders = list_and_wait(stack, photo)
    assert [variant for variant in VARIANTS[vary] if stack.held(photo.path, **variant)] == []
    assert {stack.get(photo.path, **variant).status for variant in VARIANTS[vary]} == {451}
    assert deliveries(orders, stack.cache.driver) == {"verified"}
    other = fresh()
    stack.origin.put(photo.path, other.body, headers=[("Vary", vary)])
    for variant in VARIANTS[vary]:
        assert _settled(stack, photo.path, variant).body == other.body


def _settled(stack: Stack, path: str, variant: dict[str, str]) -> HttpResponse:
    """The cache's response. While a repeat of the purge overwrites a variant, Squid answers 410 for some milliseconds
    (docs/deployment.md, "Squid as the cache")."""
    responses: list[HttpResponse] = []

    def settled() -> bool:
        responses.append(stack.get(path, at=stack.cache, **variant))
        return responses[-1].status != 410 or not isinstance(stack.cache, Squid)

    until(settled, "a response other than 410")
    return responses[-1]


@pytest.mark.parametrize("vary", VARIANTS)
def test_a_takedown_by_url_removes_every_variant(stack: Stack, vary: str) -> None:
    """Though a takedown names no headers."""
    photo = fresh()
    _cached(stack, photo, vary)
    take_down_and_wait(stack, urls=[SITE + photo.path])
    assert [variant for variant in VARIANTS[vary] if stack.held(photo.path, **variant)] == []
