"""A list that acts below some paths alone: an image is blocked and purged there, and served and kept elsewhere."""

from dataclasses import replace

from tests.scenarios.pictures import fresh
from tests.support.eventually import until

from edgeward.demo.http_client import ask
from edgeward.demo.stack import Stack


def test_one_image_at_two_places(front: Stack) -> None:
    """As soon as the listing is acknowledged, in front of a real cache; the statement says where the list acts. With
    another path it blocks and purges there too; without it again, that one is served."""
    inside = fresh()
    outside = replace(inside, name=f"outside-{inside.name}")
    for photo in (inside, outside):
        front.serve(photo)
        assert front.get(photo.path).status == 200
        assert front.held(photo.path)
    front.edge.create_list("here", paths=[inside.path])
    added = front.edge.add_image("here", inside.body, wait=True)
    assert f"The list here acts below {inside.path} alone" in added["purge"]["statement"], added
    assert [front.held(photo.path) for photo in (inside, outside)] == [False, True]
    assert [ask(front.edge.proxy, photo.path).status for photo in (inside, outside)] == [451, 200]
    front.edge.api("PATCH", "/lists/here", {"paths": [inside.path, outside.path]})
    until(lambda: not front.held(outside.path))
    assert ask(front.edge.proxy, outside.path).status == 451
    front.edge.api("PATCH", "/lists/here", {"paths": [inside.path]})
    assert [ask(front.edge.proxy, photo.path).status for photo in (inside, outside)] == [451, 200]
    front.edge.api("DELETE", "/lists/here")
