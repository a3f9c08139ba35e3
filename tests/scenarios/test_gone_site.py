"""A site of several caches in placement fill: tags, prefixes, and caches that come and go."""

import shutil
from collections.abc import Iterator

import pytest
from tests.parts import require
from tests.scenarios.defects import without_defects
from tests.scenarios.orders import SITE, deliveries, listed, taken_down
from tests.scenarios.pictures import fresh

from edgeward.demo.caches import CacheServer, Nginx, Squid, Varnish
from edgeward.demo.edge import until
from edgeward.demo.photos import Photo
from edgeward.demo.stage import Stage


class Tagged(Varnish):
    """With edgeward-tags.vcl and edgeward-bans.vcl."""

    tags = True
    bans = True


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """client -> a Varnish that takes purges by tag and prefix, or a Squid -> Edgeward -> origin."""
    require("varnishd")
    require("squid")
    settings = {"proxy": {"workers": 1}, "sweep": {"enabled": False}}
    with Stage(tmp_path_factory.mktemp("site"), "fill", Tagged, settings, beside=[Squid]) as site:
        site.edge.create_list("removed")
        yield site
        without_defects(site)


def _forget(site: Stage) -> None:
    """Edgeward loses all that it knows, the caches nothing."""
    site.edge.stop()
    shutil.rmtree(site.edge.state)
    site.edge.start()
    site.edge.create_list("removed")


def _fill(site: Stage, cache: CacheServer, photo: Photo, *paths: str) -> None:
    """Have one cache hold it under these paths."""
    for path in paths:
        site.origin.put(path, photo.body)
        assert site.get(path, at=cache).body == photo.body
        assert site.held(path, at=cache)


def test_what_was_never_seen(site: Stage) -> None:
    """A purge by tag takes every URL of an image, one by prefix all below it, though only few are on record."""
    image, album = fresh(), fresh()
    varnish = site.cache
    unseen = [f"{image.path}?v=1", f"/other/{image.name}"]
    _fill(site, varnish, image, *unseen)
    _fill(site, varnish, album, "/album/1.jpg", "/album/sub/2.jpg?x=1")
    _fill(site, varnish, fresh(), "/album.jpg", "/albums/1.jpg", "/ALBUM/1.jpg")
    _forget(site)

    _fill(site, varnish, image, image.path)
    orders = listed(site, image)
    assert [path for path in (*unseen, image.path) if site.held(path)] == []
    assert {order["scope"] for order in orders} == {"target", "tag"}
    assert [site.get(path).status for path in unseen] == [451, 451]

    orders = taken_down(site, prefixes=[f"{SITE}/album/"])
    assert [order["scope"] for order in orders] == ["prefix"]
    assert orders[0]["outcomes"]["varnish"]["delivery"] == "delivered"
    assert [path for path in ("/album/1.jpg", "/album/sub/2.jpg?x=1") if site.held(path)] == []
    assert all(site.held(path) for path in ("/album.jpg", "/albums/1.jpg", "/ALBUM/1.jpg"))


def test_a_prefix_where_a_cache_knows_none(site: Stage) -> None:
    """All that was seen below it is purged from Squid one by one, in every spelling; neighbours stay."""
    _, squid = site.inner.values()
    below = ["/book/1.jpg", "/book/2.jpg?x=1", "/b%6Fok/3.jpg", "//book/4.jpg", "/book/"]
    beside = ["/books/1.jpg", "/book", "/Book/1.jpg", "/a/book/1.jpg"]
    for path in (*below, *beside):
        photo = fresh()
        site.origin.put(path.replace("//", "/"), photo.body)
        assert site.get(path, at=squid).body == photo.body
    assert all(site.held(path, at=squid) for path in (*below, *beside))
    orders = taken_down(site, prefixes=[f"{SITE}/book/"])
    assert [path for path in below if site.held(path, at=squid)] == []
    assert [path for path in beside if not site.held(path, at=squid)] == []
    assert deliveries([order for order in orders if order["scope"] == "target"], "squid") == {"verified"}


def test_a_cache_that_is_added_and_one_that_is_removed(site: Stage) -> None:
    """A new one is owed every order on record, and is purged without being asked; who is gone holds nobody up."""
    photo, later = fresh(), fresh()
    varnish, squid = site.inner.values()
    _fill(site, varnish, photo, photo.path)
    new = Nginx(site.directory / "new", varnish.backend)
    with new:
        _fill(site, new, photo, photo.path)
        listed(site, photo)
        assert site.held(photo.path, at=new)
        squid.kill()
        sections = [varnish.section("varnish"), new.section("new")]
        site.edge.stop()
        site.edge.configure(site.settings({"proxy": {"workers": 1}, "caches": sections}))
        site.edge.start()
        until(lambda: not site.held(photo.path, at=new), pause=0.02)
        _fill(site, new, later, later.path)
        orders = listed(site, later)
        assert {name for order in orders for name in order["outcomes"]} == {"varnish", "new"}
        assert not site.held(later.path, at=new)
