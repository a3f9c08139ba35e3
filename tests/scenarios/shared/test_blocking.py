"""In front of the cache a listed image is refused at once, under whatever URL and in whatever form it comes."""

import hashlib
import io

import pytest
from PIL import Image
from tests.scenarios.pictures import fresh

from edgeward.demo.answer import Answer, ask
from edgeward.demo.edge import until
from edgeward.demo.photos import Photo, encoded, shipped, smaller_webp
from edgeward.demo.stage import Stage

ASKED = 12
"""Each question on a new connection, so that both workers are asked."""


def _blocked(photo: Photo, answer: Answer) -> bool:
    return answer.status == 451 and photo.body not in answer.body


def test_a_cached_image_is_blocked_as_soon_as_it_is_listed(front: Stage) -> None:
    """Delivered before the listing; 451 from every worker after it; no-store, and never the image's own headers."""
    photo = fresh()
    front.serve(photo)
    assert [front.get(photo.path).body for _ in range(3)] == [photo.body] * 3
    added = front.edge.add_image("removed", photo.body)
    answers = [front.get(photo.path) for _ in range(ASKED)]
    assert added["active"], added
    assert all(_blocked(photo, answer) for answer in answers), [answer.status for answer in answers]
    assert answers[0].header("Cache-Control") == "no-store"
    assert answers[0].header("ETag") is None
    assert answers[0].header("X-Cache") is None


def test_an_image_listed_before_it_was_ever_seen_never_passes(front: Stage) -> None:
    """Its first request is refused, and what the cache kept of that is purged."""
    photo = fresh()
    front.edge.add_image("removed", photo.body)
    front.serve(photo)
    assert _blocked(photo, front.get(photo.path))
    until(lambda: not front.held(photo.path))
    assert _blocked(photo, front.get(photo.path))


def test_other_bytes_of_the_same_sight_are_blocked(front: Stage) -> None:
    """A smaller WebP, a PNG, a GIF and a grey copy of a listed photograph are all refused, each under its own URL."""
    photo = shipped()[3]
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


def test_a_listed_digest_blocks_these_bytes_alone(front: Stage) -> None:
    """An MD5 on a list blocks the file, and not the same picture in another file."""
    photo = fresh()
    other = Photo("other-file.webp", smaller_webp(photo).body, "image/webp")
    for each in (photo, other):
        front.serve(each)
    digest = hashlib.md5(photo.body).hexdigest()
    front.edge.api("POST", "/lists/removed/entries", {"hashes": [f"md5:{digest}"]})
    assert _blocked(photo, front.get(photo.path))
    assert front.get(other.path).body == other.body


def test_a_removed_entry_stops_blocking_at_once(front: Stage) -> None:
    """What was listed by mistake is delivered again by every worker when the removal is answered."""
    photo = fresh()
    front.serve(photo)
    added = front.edge.add_image("removed", photo.body)
    assert _blocked(photo, front.get(photo.path))
    for entry in added["entries"]:
        front.edge.api("DELETE", f"/entries/{entry['id']}")
    assert [front.get(photo.path).body for _ in range(ASKED)] == [photo.body] * ASKED


def test_the_allowlist_wins(front: Stage) -> None:
    """An image on both kinds of list is delivered, also the copy that PDQ alone recognises."""
    photo = shipped()[0]
    small = smaller_webp(photo)
    for each in (photo, small):
        front.serve(each)
    front.edge.add_image("removed", photo.body)
    assert _blocked(photo, front.get(photo.path))
    front.edge.add_image("cleared", photo.body)
    assert [front.get(each.path).body for each in (photo, small)] == [photo.body, small.body]


def test_a_monitored_list_delivers_and_tells(front: Stage) -> None:
    """With mode monitor the image passes byte for byte, and an incident says what would have been blocked."""
    photo = fresh()
    front.serve(photo)
    front.edge.create_list("watched", mode="monitor")
    front.edge.add_image("watched", photo.body)
    assert front.get(photo.path).body == photo.body
    sha256 = hashlib.sha256(photo.body).hexdigest()

    def told() -> bool:
        found = front.edge.api("GET", "/incidents?limit=100")["incidents"]
        return any(each["sha256"] == sha256 and each["decision"] == "deliver" for each in found)

    until(told, pause=0.02)


@pytest.mark.parametrize(("action", "status"), [("404", 404), ("410", 410), ("403", 403), ("placeholder", 200)])
def test_a_list_has_its_own_action(front: Stage, action: str, status: int) -> None:
    """Instead of 451 a list may answer another status, or a grey picture; never with the image."""
    photo = fresh()
    front.serve(photo)
    front.edge.create_list(f"by-{action}", action=action)
    front.edge.add_image(f"by-{action}", photo.body)
    answer = front.get(photo.path)
    assert (answer.status, answer.header("Cache-Control")) == (status, "no-store")
    assert photo.body not in answer.body


def test_a_client_that_prefers_json_gets_a_problem_document(front: Stage) -> None:
    """By Accept the refusal is RFC 9457 JSON; neither form names the list or the entry."""
    photo = fresh()
    front.serve(photo)
    added = front.edge.add_image("removed", photo.body)
    answer = front.get(photo.path, Accept="application/json")
    assert (answer.status, answer.header("Content-Type")) == (451, "application/problem+json")
    assert answer.json()["status"] == 451
    for secret in ("removed", *(entry["id"] for entry in added["entries"])):
        assert secret not in answer.body.decode()


def test_other_pictures_are_left_alone(front: Stage) -> None:
    """An unlisted neighbour is a cache hit before and after, fetched once from the origin."""
    photo, neighbour = fresh(), fresh()
    front.serve(photo)
    front.serve(neighbour)
    front.get(neighbour.path)
    front.edge.add_image("removed", photo.body, wait=True)
    answer = front.get(neighbour.path)
    assert (answer.body, answer.header("X-Cache")) == (neighbour.body, "HIT")
    assert front.origin.count(neighbour.path) == 1


def test_the_same_image_under_many_spellings_of_its_url(front: Stage) -> None:
    """Queries, percent-encodings and another Host are other targets, and every one is refused and purged."""
    photo = fresh()
    front.serve(photo)
    paths = [photo.path, f"{photo.path}?a=1", f"{photo.path}?a=%41&b=%2F", f"{photo.path}?"]
    for path in paths:
        assert front.get(path).body == photo.body
        assert ask(front.door, path, headers={"Host": "other.example"}).body == photo.body
    front.edge.add_image("removed", photo.body, wait=True)
    assert [path for path in paths if front.held(path)] == []
    for path in paths:
        assert _blocked(photo, front.get(path))
        assert _blocked(photo, ask(front.door, path, headers={"Host": "other.example"}))
