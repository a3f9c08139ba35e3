"""In front of the cache a listed image is refused at once, under every URL and in every file format."""

import hashlib
import io

import pytest
from PIL import Image
from tests.scenarios.pictures import fresh
from tests.support.eventually import until

from edgeward.demo.http_client import HttpResponse, ask
from edgeward.demo.photos import Photo, builtin_photos, encoded, smaller_webp
from edgeward.demo.stack import Stack

REQUESTS = 12
"""Requests, each on a new connection, so that both workers get some."""


def _blocked(photo: Photo, answer: HttpResponse) -> bool:
    return answer.status == 451 and photo.body not in answer.body


def test_a_cached_image_is_blocked_as_soon_as_it_is_listed(front: Stack) -> None:
    """Delivered before the listing; after it 451 from every worker, with no-store and without the image's headers."""
    photo = fresh()
    front.serve(photo)
    assert [front.get(photo.path).body for _ in range(3)] == [photo.body] * 3
    added = front.edge.add_image("removed", photo.body)
    answers = [front.get(photo.path) for _ in range(REQUESTS)]
    assert added["active"], added
    assert all(_blocked(photo, answer) for answer in answers), [answer.status for answer in answers]
    assert answers[0].header("Cache-Control") == "no-store"
    assert answers[0].header("ETag") is None
    assert answers[0].header("X-Cache") is None


def test_an_image_listed_before_it_was_ever_seen_never_passes(front: Stack) -> None:
    """Its first request is refused, and the copy that the cache stored is purged."""
    photo = fresh()
    front.edge.add_image("removed", photo.body)
    front.serve(photo)
    assert _blocked(photo, front.get(photo.path))
    until(lambda: not front.held(photo.path))
    assert _blocked(photo, front.get(photo.path))


def test_other_files_of_the_same_picture_are_blocked(front: Stack) -> None:
    """A smaller WebP, a PNG, a GIF and a grey copy of a listed photograph are all refused, each under its own URL."""
    photo = builtin_photos()[3]
    with Image.open(io.BytesIO(photo.body)) as image:
        copies = [
            smaller_webp(photo),
            Photo("copy.png", encoded(image, "PNG", 0), "image/png"),
            Photo("copy.avif", encoded(image, "AVIF", 50), "image/avif"),
            Photo("grey.jpg", encoded(image.convert("L"), "JPEG", 70)),
        ]
    front.edge.add_image("removed", photo.body)
    for copy in copies:
        front.serve(copy)
        assert _blocked(copy, front.get(copy.path)), copy.path


def test_a_listed_digest_blocks_one_file_only(front: Stack) -> None:
    """An MD5 on a list blocks the file, and not the same picture in another file."""
    photo = fresh()
    other = Photo("other-file.webp", smaller_webp(photo).body, "image/webp")
    for each in (photo, other):
        front.serve(each)
    digest = hashlib.md5(photo.body).hexdigest()
    front.edge.api("POST", "/lists/removed/entries", {"hashes": [f"md5:{digest}"]})
    assert _blocked(photo, front.get(photo.path))
    assert front.get(other.path).body == other.body


def test_a_removed_entry_stops_blocking_at_once(front: Stack) -> None:
    """Once the removal is answered, every worker delivers the image again."""
    photo = fresh()
    front.serve(photo)
    added = front.edge.add_image("removed", photo.body)
    assert _blocked(photo, front.get(photo.path))
    for entry in added["entries"]:
        front.edge.api("DELETE", f"/entries/{entry['id']}")
    assert [front.get(photo.path).body for _ in range(REQUESTS)] == [photo.body] * REQUESTS


def test_the_allowlist_wins(front: Stack) -> None:
    """An image on a blocklist and an allowlist is delivered, and so is a copy that only PDQ recognises."""
    photo = builtin_photos()[0]
    small = smaller_webp(photo)
    for each in (photo, small):
        front.serve(each)
    front.edge.add_image("removed", photo.body)
    assert _blocked(photo, front.get(photo.path))
    front.edge.add_image("cleared", photo.body)
    assert [front.get(each.path).body for each in (photo, small)] == [photo.body, small.body]


def test_a_list_in_mode_monitor_delivers_and_reports(front: Stack) -> None:
    """With mode monitor the image passes unchanged, and an incident says what would have been blocked."""
    photo = fresh()
    front.serve(photo)
    front.edge.create_list("watched", mode="monitor")
    front.edge.add_image("watched", photo.body)
    assert front.get(photo.path).body == photo.body
    sha256 = hashlib.sha256(photo.body).hexdigest()

    def reported() -> bool:
        found = front.edge.api("GET", "/incidents?limit=100")["incidents"]
        return any(each["sha256"] == sha256 and each["decision"] == "deliver" for each in found)

    until(reported, pause=0.02)


@pytest.mark.parametrize(("action", "status"), [("404", 404), ("410", 410), ("403", 403), ("placeholder", 200)])
def test_a_list_has_its_own_action(front: Stack, action: str, status: int) -> None:
    """A list may answer with another status or a grey picture instead of 451; never with the image."""
    photo = fresh()
    front.serve(photo)
    front.edge.create_list(f"by-{action}", action=action)
    front.edge.add_image(f"by-{action}", photo.body)
    answer = front.get(photo.path)
    assert (answer.status, answer.header("Cache-Control")) == (status, "no-store")
    assert photo.body not in answer.body


def test_a_client_that_prefers_json_gets_a_problem_document(front: Stack) -> None:
    """By Accept the refusal is RFC 9457 JSON; neither form names the list or the entry."""
    photo = fresh()
    front.serve(photo)
    added = front.edge.add_image("removed", photo.body)
    answer = front.get(photo.path, Accept="application/json")
    assert (answer.status, answer.header("Content-Type")) == (451, "application/problem+json")
    assert answer.json()["status"] == 451
    for secret in ("removed", *(entry["id"] for entry in added["entries"])):
        assert secret not in answer.body.decode()


def test_other_pictures_are_not_affected(front: Stack) -> None:
    """An unlisted picture is a cache hit before and after the listing, fetched once from the origin."""
    photo, neighbour = fresh(), fresh()
    front.serve(photo)
    front.serve(neighbour)
    front.get(neighbour.path)
    front.edge.add_image("removed", photo.body, wait=True)
    answer = front.get(neighbour.path)
    assert (answer.body, answer.header("X-Cache")) == (neighbour.body, "HIT")
    assert front.origin.count(neighbour.path) == 1


def test_every_form_of_the_url(front: Stack) -> None:
    """Queries, percent-encodings and another Host make other targets: all are refused and purged."""
    photo = fresh()
    front.serve(photo)
    paths = [photo.path, f"{photo.path}?a=1", f"{photo.path}?a=%41&b=%2F", f"{photo.path}?"]
    for path in paths:
        assert front.get(path).body == photo.body
        assert ask(front.client_address, path, headers={"Host": "other.example"}).body == photo.body
    front.edge.add_image("removed", photo.body, wait=True)
    assert [path for path in paths if front.held(path)] == []
    for path in paths:
        assert _blocked(photo, front.get(path))
        assert _blocked(photo, ask(front.client_address, path, headers={"Host": "other.example"}))
