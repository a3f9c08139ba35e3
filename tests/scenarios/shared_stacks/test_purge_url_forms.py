"""A cache stores each form of a URL by itself: all forms with a sighting are purged, from each kind of cache."""

from tests.scenarios.pictures import fresh
from tests.scenarios.purge_orders import SITE, deliveries, list_and_wait, take_down_and_wait

from edgeward.demo.http_client import ask
from edgeward.demo.photos import Photo
from edgeward.demo.stack import Stack

HOSTS = ["photos.example", "PHOTOS.Example", "photos.example:80", "photos.example:8080", "photos.example."]
QUERIES = ["", "?", "?a=1&b=2", "?b=2&a=1", "?b=%32&a=1", "?a=1&&b=2", "?a=%2F", "?a=/", "?q=a%20b", "?q=a+b", "?q=%41"]


def _paths(photo: Photo) -> list[str]:
    name = photo.name
    first = f"%{ord(name[0]):02x}{name[1:]}"
    plain = [f"/~u/{name}", f"/%7Eu/{name}", f"/%7eu/{name}", f"/~u/{first}"]
    return [*plain, f"//~u//{name}", f"/./~u/./{name}", f"/x/../~u/{name}", f"/~u/x/../{name}"]


def _cached(stack: Stack, photo: Photo) -> list[tuple[str, str]]:
    """Have it delivered and cached under every form: (path, host)."""
    paths = _paths(photo)
    for path in paths:
        stack.origin.put(path.replace("//~", "/~", 1), photo.body)
    forms = [*((path, HOSTS[0]) for path in paths), *((paths[0], host) for host in HOSTS)]
    forms += [(paths[0] + query, HOSTS[0]) for query in QUERIES]
    for path, host in forms:
        assert stack.get(path, Host=host).body == photo.body, (path, host)
    assert [form for form in forms if not _held(stack, form)] == []
    return forms


def _held(stack: Stack, form: tuple[str, str]) -> bool:
    return stack.held(form[0], Host=form[1])


def test_a_takedown_of_the_plain_url_removes_every_form(stack: Stack) -> None:
    """Percent-encoding, slashes, dots, the host's case, port and closing dot, and every query in every order."""
    photo, other = fresh(), fresh()
    forms = _cached(stack, photo)
    stack.origin.put(f"/~u/{photo.name}x", other.body)
    assert stack.get(f"/~u/{photo.name}x").body == other.body
    orders = take_down_and_wait(stack, urls=[f"{SITE}/~u/{photo.name}"])
    assert [form for form in forms if _held(stack, form)] == []
    assert stack.held(f"/~u/{photo.name}x")
    assert deliveries(orders, stack.cache.driver) == {"verified"}


def test_a_listing_removes_every_form(stack: Stack) -> None:
    """The same, though no URL is named."""
    photo = fresh()
    forms = _cached(stack, photo)
    orders = list_and_wait(stack, photo)
    assert [form for form in forms if _held(stack, form)] == []
    assert deliveries(orders, stack.cache.driver) == {"verified"}


def test_a_takedown_covers_both_schemes(stack: Stack) -> None:
    """A URL with https covers requests with http, and those with a full https URL as request target."""
    photo = fresh()
    stack.serve(photo)
    assert ask(stack.client_address, f"https://photos.example{photo.path}").body == photo.body
    assert stack.get(photo.path).body == photo.body
    assert stack.held(photo.path)
    orders = take_down_and_wait(stack, urls=[f"https://photos.example{photo.path}"])
    assert {order["url"].partition(":")[0] for order in orders} == {"http", "https"}
    assert not stack.held(photo.path)
