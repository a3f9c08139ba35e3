"""An operator's own model looks at what no list knows: people are told, nothing is blocked, and nobody waits for it."""

import os
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.parts import require
from tests.scenarios.pictures import picture
from tests.stand_in import install_model

from edgeward.demo.edge import Edge, Settings, until
from edgeward.demo.photos import Photo
from edgeward.demo.stage import Stage
from edgeward.errors import Unavailable

WORKERS = 2
SETTINGS: Settings = {
    "proxy": {"workers": WORKERS},
    "hashing": {"processes": 1},
    "classifiers": [{"name": "model", "sample": 1.0, "timeout_ms": 1000, "memory_mb": 600}],
}
TOLD, UNTOLD, RAISES = 101, 102, 104
HANGS, EATS, CRASHES, OPENS, CONNECTS = 201, 202, 203, 204, 205
"""Widths of pictures, and what the model does with them."""


def asking(width: int, seed: int = 0) -> Photo:
    return Photo(f"{width}-{seed}.jpg", picture(width + 1000 * seed, size=(width, 64)), "image/jpeg")


@pytest.fixture(scope="module")
def listener() -> Iterator[socket.socket]:
    """Whom the model must not reach."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.setblocking(False)
        yield listening


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory, listener: socket.socket) -> Iterator[Stage]:
    require("varnishd")
    directory = tmp_path_factory.mktemp("classified")
    port = listener.getsockname()[1]
    path = install_model(directory / "installed", WRITTEN=directory / "written", PORT=port)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(path), prepend=os.pathsep)
        with Stage(directory / "stage", settings=SETTINGS) as running:
            running.edge.create_list("removed")
            yield running
            assert not (directory / "written").exists()


def incidents(stage: Stage) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = stage.edge.api("GET", "/incidents?limit=1000")["incidents"]
    return [incident for incident in found if incident["reason"] == "classified"]


def counted(stage: Stage, result: str) -> float:
    return stage.edge.metric(f'edgeward_classified_total{{classifier="model",result="{result}"}}')


def test_what_it_finds_is_for_review_and_blocks_nothing(stage: Stage) -> None:
    """An incident with label and score for what is at the threshold; each image once, whoever met it and under
    whatever URL; what a list knows is none of the model's business."""
    told, untold, listed = asking(TOLD), asking(UNTOLD), asking(TOLD, seed=1)
    twin = Photo("twin.jpg", told.body, told.media_type)
    for photo in (told, untold, listed, twin):
        stage.serve(photo)
    stage.edge.add_image("removed", listed.body, wait=True)
    assert [stage.get(listed.path).status for _ in range(4)] == [451] * 4
    for photo in (told, untold, twin) * 5:
        assert stage.get(photo.path).body == photo.body
    until(lambda: counted(stage, "labelled") + counted(stage, "unlabelled") == 2, pause=0.1)
    until(lambda: incidents(stage) != [], pause=0.1)
    [incident] = incidents(stage)
    assert incident["url"].endswith((told.path, twin.path))
    expected = {"decision": "deliver", "classifier": "model", "label": "a.dog_2 -", "score": 0.9123}
    assert expected.items() <= incident.items()
    assert (incident["list"], incident["entry"], incident["type"]) == ("", "", "")
    assert stage.held(told.path)
    assert stage.get(told.path).body == told.body
    assert (counted(stage, "labelled"), counted(stage, "unlabelled")) == (1, 1)


def test_whatever_it_does_is_done_to_itself(stage: Stage, listener: socket.socket) -> None:
    """It raises, hangs, takes all memory, crashes, opens a file, connects: its process is replaced, the image is
    delivered and counted, and what comes next is delivered at once and classified later."""
    before = {result: counted(stage, result) for result in ("labelled", "failed")}
    proxies = stage.edge.run_file["processes"]["proxy"]
    deeds = [asking(width) for width in (RAISES, HANGS, EATS, CRASHES, OPENS, CONNECTS)]
    after = [asking(TOLD, seed) for seed in range(2, 6)]
    for photo in (*deeds, *after):
        stage.serve(photo)
        assert stage.get(photo.path).body == photo.body
    until(lambda: counted(stage, "failed") - before["failed"] == len(deeds), 60, pause=0.1)
    until(lambda: counted(stage, "labelled") - before["labelled"] == len(after), 60, pause=0.1)
    assert stage.edge.run_file["processes"]["proxy"] == proxies
    assert stage.edge.metric('edgeward_process_starts_total{role="proxy"}') == WORKERS
    assert stage.edge.metric('edgeward_hasher_restarts_total{cause="crashed"}') == 0
    with pytest.raises(BlockingIOError):
        listener.accept()


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("model", "classifiers 'model' of their-model 1.0: ModuleNotFoundError"),
        ("absent", "classifiers: 'absent' is not installed; known are: model"),
    ],
)
def test_a_broken_one_is_named_at_the_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, said: str
) -> None:
    """Edgeward does not start with one, nor with one that is not there: status 2, and its name."""
    monkeypatch.setenv("PYTHONPATH", str(install_model(tmp_path / "broken", "import nothing_of_that_name")))
    with (
        pytest.raises(Unavailable, match=f"(?s)status 2.*{said}"),
        Edge(tmp_path / "edge", {"classifiers": [{"name": name}]}),
    ):
        pass
