"""A signal type from another package: its entries wait, and match from when it is installed."""

import base64
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image
from tests.scenarios.pictures import drawn, fresh, picture
from tests.support.eventually import until
from tests.support.programs import require
from tests.support.stand_in import install

from edgeward.demo.edge import Edge, Settings, merged_settings
from edgeward.demo.photos import Photo, encoded
from edgeward.demo.stack import Stack
from edgeward.errors import Unavailable

WITH_IT: Settings = {"hashing": {"signals": ["sha256", "pdq", "photodna"]}}


def value_of(seed: int) -> bytes:
    """The stand-in's value of a picture, computed without it."""
    return drawn(seed).convert("L").resize((12, 12), Image.Resampling.BOX).tobytes()


def copy_of(seed: int) -> Photo:
    """The same picture in another file, with other bytes and another size: near in the stand-in's distance alone."""
    return Photo(f"copy-{seed}.webp", encoded(drawn(seed, (300, 225)), "WEBP", 60), "image/webp")


ONE_WORKER: Settings = {"proxy": {"workers": 1}}


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[Stack]:
    require("varnishd")
    with Stack(tmp_path / "stack", settings=ONE_WORKER) as running:
        running.edge.create_list("removed")
        yield running


def restart(stack: Stack, settings: Settings) -> None:
    """Restart with other settings."""
    stack.edge.stop()
    stack.edge.configure(merged_settings(stack.settings(ONE_WORKER), settings))
    stack.edge.start()


def not_matchable(stack: Stack) -> float:
    return stack.edge.metric('edgeward_blocklist_not_matchable_entries{list="removed",signal="photodna"}')


def count(stack: Stack, reason: str) -> float:
    return stack.edge.metric(f'edgeward_responses_total{{reason="{reason}",verdict="block"}}')


def assert_a_type_that_raises_costs_one_signal(stack: Stack) -> None:
    """An image on which it raises is matched by its other signals, else policy.crashed decides; no hasher ends."""
    stood, listed = Photo("a.jpg", picture(81, size=(96, 64))), Photo("b.jpg", picture(82, size=(96, 64)))
    other = fresh()
    for photo in (stood, listed, other):
        stack.serve(photo)
    stack.edge.add_image("removed", listed.body)
    before = {reason: count(stack, reason) for reason in ("match", "crashed")}
    assert stack.get(other.path).body == other.body
    assert [stack.get(photo.path).status for photo in (listed, stood)] == [451, 503]
    assert {reason: count(stack, reason) - before[reason] for reason in before} == {"match": 1, "crashed": 1}
    assert stack.edge.metric('edgeward_hasher_restarts_total{cause="crashed"}') == 0


@pytest.mark.timeout(300)
def test_entries_wait_for_the_type_that_matches_them(
    stack: Stack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are kept, counted and shown as not matchable. Once the type is installed they block, by its own distance,
    and are purged from the cache; on an image on which it raises, that costs one signal; once it is removed they wait
    again."""
    photos = {seed: copy_of(seed) for seed in (71, 72, 73, 74)}
    for photo in photos.values():
        stack.serve(photo)
    coded = base64.b64encode(value_of(71)).decode()
    [added] = stack.edge.api("POST", "/lists/removed/entries", {"hashes": [f"photodna:{coded}"]})["entries"]
    imported = f"photodna:{value_of(72).hex()}\n".encode()
    stack.edge.api("POST", "/lists/removed/imports?format=text&wait=verified", body=imported)
    assert added["value"] == value_of(71).hex()
    shown = stack.edge.api("GET", "/lists/removed")
    assert (shown["entries"], shown["not_matchable"]) == (2, {"photodna": 2})
    until(lambda: not_matchable(stack) == 2, pause=0.02)
    assert all(stack.get(photo.path).body == photo.body for photo in photos.values())

    monkeypatch.setenv("PYTHONPATH", str(install(tmp_path / "installed")))
    restart(stack, WITH_IT)
    assert stack.edge.api("GET", "/lists/removed")["not_matchable"] == {}
    assert stack.edge.api("GET", "/lists/removed")["radius"]["photodna"] == 600
    assert not_matchable(stack) == 0
    assert [stack.get(photos[seed].path).status for seed in (71, 72)] == [451, 451]
    assert [stack.get(photos[seed].path).body for seed in (73, 74)] == [photos[73].body, photos[74].body]
    until(lambda: not stack.held(photos[71].path))
    [incident] = [each for each in stack.edge.api("GET", "/incidents")["incidents"] if each["entry"] == added["id"]]
    assert (incident["type"], 0 < incident["distance"] <= 600) == ("photodna", True)

    assert_a_type_that_raises_costs_one_signal(stack)

    assert stack.held(photos[73].path)
    later = {"hashes": [f"photodna:{value_of(73).hex()}"]}
    answer = stack.edge.api("POST", "/lists/removed/entries?wait=verified", later)
    assert not stack.held(photos[73].path), answer

    monkeypatch.delenv("PYTHONPATH")
    restart(stack, {})
    assert stack.edge.api("GET", "/lists/removed")["not_matchable"] == {"photodna": 3}
    assert all(stack.get(photo.path).body == photo.body for photo in photos.values())


def test_a_broken_type_is_named_at_the_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Edgeward does not start with a broken type: status 2, and its name."""
    monkeypatch.setenv("PYTHONPATH", str(install(tmp_path / "broken", code="import nothing_of_that_name")))
    with pytest.raises(Unavailable, match=r"(?s)status 2.*'photodna' of stand-in 1.0: ModuleNotFoundError"):
        Edge(tmp_path / "edge", {}).start()
