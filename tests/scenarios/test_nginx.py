"""nginx as the cache: its copies are purged by its own listener, variants and odd spellings too."""

from tests.scenarios.pictures import fresh

from edgeward.demo.edge import until
from edgeward.demo.stage import Stage

ODD = ["?a=1&b=%2F", "?a=%41", "?q=a%20b", "?"]


def test_a_cached_image_is_blocked_and_gone(nginx: Stage) -> None:
    """Cached under many spellings, listed with wait: verified gone under each, and refused."""
    photo = fresh()
    nginx.serve(photo)
    paths = [photo.path, *(photo.path + odd for odd in ODD)]
    for path in paths:
        assert nginx.get(path).body == photo.body
        assert nginx.get(path).header("X-Cache") == "HIT"
    added = nginx.edge.add_image("removed", photo.body, wait=True)
    assert not any(added["purge"]["owed"].values()), added
    assert [path for path in paths if nginx.held(path)] == []
    assert [nginx.get(path).status for path in paths] == [451] * len(paths)
    purges = nginx.edge.purges_of([entry["id"] for entry in added["entries"]])
    outcomes = [purge["outcomes"]["nginx"] for purge in purges if purge["cause"] == "listing"]
    assert {outcome["delivery"] for outcome in outcomes} == {"verified"}


def test_the_variants_of_a_negotiated_image_go_too(nginx: Stage) -> None:
    """What the cache keeps apart by Accept is purged for every Accept."""
    photo = fresh()
    nginx.origin.put(photo.path, photo.body, headers=[("Vary", "Accept")])
    accepts = ["*/*", "image/webp,*/*", "image/avif,image/webp,*/*"]
    for accept in accepts:
        assert nginx.get(photo.path, Accept=accept).body == photo.body
        assert nginx.held(photo.path, Accept=accept)
    nginx.edge.add_image("removed", photo.body, wait=True)
    assert [accept for accept in accepts if nginx.held(photo.path, Accept=accept)] == []
    assert {nginx.get(photo.path, Accept=accept).status for accept in accepts} == {451}


def test_nginx_that_was_killed_serves_its_disk_again_until_it_is_purged(nginx: Stage) -> None:
    """A listing during its absence waits for it; the copy that survived on disk is purged when it is back."""
    photo = fresh()
    nginx.serve(photo)
    nginx.get(photo.path)
    nginx.cache.kill()
    added = nginx.edge.add_image("removed", photo.body)
    entries = [entry["id"] for entry in added["entries"]]
    until(lambda: any("nginx" in purge["owed"] for purge in nginx.edge.purges_of(entries)), 5, 0.01)
    nginx.cache.start()
    until(lambda: not nginx.held(photo.path), 5)
    until(lambda: not any(purge["owed"] for purge in nginx.edge.purges_of(entries)), 5, 0.01)
    assert nginx.get(photo.path).status == 451
