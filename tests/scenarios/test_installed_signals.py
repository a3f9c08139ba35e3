"""A signal type that somebody else wrote: what is listed of it waits, and matches from the day it is installed."""

import base64
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image
from tests.parts import require
from tests.scenarios.pictures import drawn, fresh, picture
from tests.stand_in import install

from edgeward.demo.edge import Edge, Settings, merged, until
from edgeward.demo.photos import Photo, encoded
from edgeward.demo.stage import Stage
from edgeward.errors import Unavailable

WITH_IT: Settings = {"hashing": {"signals": ["sha256", "pdq", "photodna"]}}


def value_of(seed: int) -> bytes:
    """What the stand-in makes of a picture, here without it."""
    return drawn(seed).convert("L").resize((12, 12), Image.Resampling.BOX).tobytes()


def copy_of(seed: int) -> Photo:
    """The same sight in another file, with other bytes and another size: near in the stand-in's distance alone."""
    return Photo(f"copy-{seed}.webp", encoded(drawn(seed, (300, 225)), "WEBP", 60), "image/webp")


ONE_WORKER: Settings = {"proxy": {"workers": 1}}


@pytest.fixture
def stage(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Stage]:
    require("varnishd")
    with Stage(tmp_path / "stage", settings=merged(ONE_WORKER, getattr(request, "param", {}))) as running:
        running.edge.create_list("removed")
        yield running


def again(stage: Stage, settings: Settings) -> None:
    """A restart under other settings."""
    stage.edge.stop()
    stage.edge.configure(merged(stage.settings(ONE_WORKER), settings))
    stage.edge.start()


def not_matchable(stage: Stage) -> float:
    return stage.edge.metric('edgeward_blocklist_not_matchable_entries{list="removed",signal="photodna"}')


def test_entries_wait_for_the_type_that_matches_them(
    stage: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Kept, counted and shown as not matchable; once the type is installed they block, by a distance of its own, and
    are gone from the cache; without it again they wait."""
    photos = {seed: copy_of(seed) for seed in (71, 72, 73, 74)}
    for photo in photos.values():
        stage.serve(photo)
    coded = base64.b64encode(value_of(71)).decode()
    [added] = stage.edge.api("POST", "/lists/removed/entries", {"hashes": [f"photodna:{coded}"]})["entries"]
    imported = f"photodna:{value_of(72).hex()}\n".encode()
    stage.edge.api("POST", "/lists/removed/imports?format=text&wait=verified", body=imported)
    assert added["value"] == value_of(71).hex()
    shown = stage.edge.api("GET", "/lists/removed")
    assert (shown["entries"], shown["not_matchable"]) == (2, {"photodna": 2})
    until(lambda: not_matchable(stage) == 2, pause=0.02)
    assert all(stage.get(photo.path).body == photo.body for photo in photos.values())

    monkeypatch.setenv("PYTHONPATH", str(install(tmp_path / "installed")))
    again(stage, WITH_IT)
    assert stage.edge.api("GET", "/lists/removed")["not_matchable"] == {}
    assert stage.edge.api("GET", "/lists/removed")["radius"]["photodna"] == 600
    assert not_matchable(stage) == 0
    assert [stage.get(photos[seed].path).status for seed in (71, 72)] == [451, 451]
    assert [stage.get(photos[seed].path).body for seed in (73, 74)] == [photos[73].body, photos[74].body]
    until(lambda: not stage.held(photos[71].path))
    [incident] = [each for each in stage.edge.api("GET", "/incidents")["incidents"] if each["entry"] == added["id"]]
    assert (incident["type"], 0 < incident["distance"] <= 600) == ("photodna", True)

    assert stage.held(photos[73].path)
    later = {"hashes": [f"photodna:{value_of(73).hex()}"]}
    answer = stage.edge.api("POST", "/lists/removed/entries?wait=verified", later)
    assert not stage.held(photos[73].path), answer

    monkeypatch.delenv("PYTHONPATH")
    again(stage, {})
    assert stage.edge.api("GET", "/lists/removed")["not_matchable"] == {"photodna": 3}
    assert all(stage.get(photo.path).body == photo.body for photo in photos.values())


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(install(tmp_path / "installed")))


@pytest.mark.usefixtures("installed")
@pytest.mark.parametrize("stage", [WITH_IT], indirect=True)
def test_a_type_that_fails_costs_one_signal(stage: Stage) -> None:
    """What it raises on is matched by its other signals, and else decided by policy.crashed; no hasher ends of it."""
    stood, listed = Photo("a.jpg", picture(81, size=(96, 64))), Photo("b.jpg", picture(82, size=(96, 64)))
    other = fresh()
    for photo in (stood, listed, other):
        stage.serve(photo)
    stage.edge.add_image("removed", listed.body)
    assert stage.get(other.path).body == other.body
    assert [stage.get(photo.path).status for photo in (listed, stood)] == [451, 503]
    assert stage.edge.metric('edgeward_responses_total{reason="match",verdict="block"}') == 1
    assert stage.edge.metric('edgeward_responses_total{reason="crashed",verdict="block"}') == 1
    assert stage.edge.metric('edgeward_hasher_restarts_total{cause="crashed"}') == 0


def test_a_broken_type_is_named_at_the_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Edgeward does not start with one: status 2, and its name."""
    monkeypatch.setenv("PYTHONPATH", str(install(tmp_path / "broken", code="import nothing_of_that_name")))
    with pytest.raises(Unavailable, match=r"(?s)status 2.*'photodna' of stand-in 1.0: ModuleNotFoundError"):
        Edge(tmp_path / "edge", {}).start()
