"""Several caches in placement fill: purges by tag and prefix, and caches that are added and removed."""

import shutil
from collections.abc import Iterator

import pytest
from tests.scenarios.assertions import assert_no_defects
from tests.scenarios.pictures import fresh
from tests.scenarios.purge_orders import SITE, deliveries, list_and_wait, take_down_and_wait
from tests.support.eventually import until
from tests.support.programs import require

from edgeward.demo.caches import CacheServer, Nginx, Squid, Varnish
from edgeward.demo.photos import Photo
from edgeward.demo.stack import Stack


class Tagged(Varnish):
    """With edgeward-tags.vcl and edgeward-bans.vcl."""

    tags = True
    bans = True


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """client -> a Varnish that purges by tag and prefix, or a Squid -> Edgeward -> origin."""
    require("varnishd")
    require("squid")
    settings = {"proxy": {"workers": 1}, "sweep": {"enabled": False}}
    with Stack(tmp_path_factory.mktemp("site"), "fill", Tagged, settings, beside=[Squid]) as site:
        site.edge.create_list("removed")
        yield site
        assert_no_defects(site)


def _lose_state(site: Stack) -> None:
    """Edgeward loses its state, and the caches keep their copies."""
    site.edge.stop()
    shutil.rmtree(site.edge.state)
    site.edge.start()
    site.edge.create_list("removed")


def _fill(site: Stack, cache: CacheServer, photo: Photo, *paths: str) -> None:
    """Have one cache hold the picture under these paths."""
    for path in paths:
        site.origin.put(path, photo.body)
        assert site.get(path, at=cache).body == photo.body
        assert site.held(path, at=cache)


def test_purges_reach_urls_without_sightings(site: Stack) -> None:
    """A purge by tag removes every URL of an image, one by prefix all below it, though few have sightings."""
    image, album = fresh(), fresh()
    varnish = site.cache
    unseen = [f"{image.path}?v=1", f"/other/{image.name}"]
    _fill(site, varnish, image, *unseen)
    _fill(site, varnish, album, "/album/1.jpg", "/album/sub/2.jpg?x=1")
    _fill(site, varnish, fresh(), "/album.jpg", "/albums/1.jpg", "/ALBUM/1.jpg")
    _lose_state(site)

    _fill(site, varnish, image, image.path)
    orders = list_and_wait(site, image)
    assert [path for path in (*unseen, image.path) if site.held(path)] == []
    assert {order["scope"] for order in orders} == {"target", "tag"}
    assert [site.get(path).status for path in unseen] == [451, 451]

    orders = take_down_and_wait(site, prefixes=[f"{SITE}/album/"])
    assert [order["scope"] for order in orders] == ["prefix"]
    assert orders[0]["outcomes"]["varnish"]["delivery"] == "delivered"
    assert [path for path in ("/album/1.jpg", "/album/sub/2.jpg?x=1") if site.held(path)] == []
    assert all(site.held(path) for path in ("/album.jpg", "/albums/1.jpg", "/ALBUM/1.jpg"))


def test_a_prefix_at_a_cache_without_prefix_purges(site: Stack) -> None:
    """Every URL with a sighting below it is purged from Squid one by one, in every form; neighbours stay."""
    _, squid = site.inner.values()
    below = ["/book/1.jpg", "/book/2.jpg?x=1", "/b%6Fok/3.jpg", "//book/4.jpg", "/book/"]
    beside = ["/books/1.jpg", "/book", "/Book/1.jpg", "/a/book/1.jpg"]
    for path in (*below, *beside):
        photo = fresh()
        site.origin.put(path.replace("//", "/"), photo.body)
        assert site.get(path, at=squid).body == photo.body
    assert all(site.held(path, at=squid) for path in (*below, *beside))
    orders = take_down_and_wait(site, prefixes=[f"{SITE}/book/"])
    assert [path for path in below if site.held(path, at=squid)] == []
    assert [path for path in beside if not site.held(path, at=squid)] == []
    assert deliveries([order for order in orders if order["scope"] == "target"], "squid") == {"verified"}


def test_a_cache_is_added_and_another_removed(site: Stack) -> None:
    """A new one gets every order on record without a request. A removed one is written off, and delays no other."""
    photo, later = fresh(), fresh()
    varnish, squid = site.inner.values()
    _fill(site, varnish, photo, photo.path)
    new = Nginx(site.directory / "new", varnish.backend)
    with new:
        _fill(site, new, photo, photo.path)
        list_and_wait(site, photo)
        assert site.held(photo.path, at=new)
        squid.kill()
        sections = [varnish.section("varnish"), new.section("new")]
        site.edge.stop()
        site.edge.configure(site.settings({"proxy": {"workers": 1}, "caches": sections}))
        site.edge.start()
        until(lambda: not site.held(photo.path, at=new), pause=0.02)
        forget = {"name": "squid", "why": "it was killed"}
        # Once the controller that had it counts as ended.
        until(lambda: site.edge.call("POST", "/caches/forget", forget).status == 200)
        _fill(site, new, later, later.path)
        orders = list_and_wait(site, later)
        assert {name for order in orders for name in order["outcomes"]} == {"varnish", "new"}
        assert not site.held(later.path, at=new)
