"""A cache keeps each spelling of a URL apart: all that were seen go from each kind of cache."""

from tests.scenarios.orders import SITE, deliveries, listed, taken_down
from tests.scenarios.pictures import fresh

from edgeward.demo.answer import ask
from edgeward.demo.photos import Photo
from edgeward.demo.stage import Stage

HOSTS = ["photos.example", "PHOTOS.Example", "photos.example:80", "photos.example:8080", "photos.example."]
QUERIES = ["", "?", "?a=1&b=2", "?b=2&a=1", "?b=%32&a=1", "?a=1&&b=2", "?a=%2F", "?a=/", "?q=a%20b", "?q=a+b", "?q=%41"]


def _paths(photo: Photo) -> list[str]:
    name = photo.name
    first = f"%{ord(name[0]):02x}{name[1:]}"
    plain = [f"/~u/{name}", f"/%7Eu/{name}", f"/%7eu/{name}", f"/~u/{first}"]
    return [*plain, f"//~u//{name}", f"/./~u/./{name}", f"/x/../~u/{name}", f"/~u/x/../{name}"]


def _cached(stage: Stage, photo: Photo) -> list[tuple[str, str]]:
    """Have it served and cached under every spelling: (path, host)."""
    paths = _paths(photo)
    for path in paths:
        stage.origin.put(path.replace("//~", "/~", 1), photo.body)
    spellings = [*((path, HOSTS[0]) for path in paths), *((paths[0], host) for host in HOSTS)]
    spellings += [(paths[0] + query, HOSTS[0]) for query in QUERIES]
    for path, host in spellings:
        assert stage.get(path, Host=host).body == photo.body, (path, host)
    assert [spelling for spelling in spellings if not _held(stage, spelling)] == []
    return spellings


def _held(stage: Stage, spelling: tuple[str, str]) -> bool:
    return stage.held(spelling[0], Host=spelling[1])


def test_a_takedown_of_the_plain_url_removes_every_spelling(stage: Stage) -> None:
    """Percent-encoding, slashes, dots, the host's case, port and closing dot, and every query in every order."""
    photo, other = fresh(), fresh()
    spellings = _cached(stage, photo)
    stage.origin.put(f"/~u/{photo.name}x", other.body)
    assert stage.get(f"/~u/{photo.name}x").body == other.body
    orders = taken_down(stage, urls=[f"{SITE}/~u/{photo.name}"])
    assert [spelling for spelling in spellings if _held(stage, spelling)] == []
    assert stage.held(f"/~u/{photo.name}x")
    assert deliveries(orders, stage.cache.driver) == {"verified"}


def test_a_listing_removes_every_spelling(stage: Stage) -> None:
    """The same, where nobody says a URL."""
    photo = fresh()
    spellings = _cached(stage, photo)
    orders = listed(stage, photo)
    assert [spelling for spelling in spellings if _held(stage, spelling)] == []
    assert deliveries(orders, stage.cache.driver) == {"verified"}


def test_a_takedown_counts_for_both_schemes(stage: Stage) -> None:
    """Said with https, it removes what was fetched with http, and what a client asked for as https in full."""
    photo = fresh()
    stage.serve(photo)
    assert ask(stage.door, f"https://photos.example{photo.path}").body == photo.body
    assert stage.get(photo.path).body == photo.body
    assert stage.held(photo.path)
    orders = taken_down(stage, urls=[f"https://photos.example{photo.path}"])
    assert {order["url"].partition(":")[0] for order in orders} == {"http", "https"}
    assert not stage.held(photo.path)
