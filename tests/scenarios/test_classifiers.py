"""An operator's own model classifies what no list matches: incidents are written, nothing is blocked or delayed."""

import os
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.scenarios.pictures import picture
from tests.support.eventually import until
from tests.support.programs import require
from tests.support.stand_in import install_model

from edgeward.demo.edge import Edge, Settings
from edgeward.demo.photos import Photo
from edgeward.demo.stack import Stack
from edgeward.errors import Unavailable

WORKERS = 2
SETTINGS: Settings = {
    "proxy": {"workers": WORKERS},
    "hashing": {"processes": 1},
    "classifiers": [{"name": "model", "sample": 1.0, "timeout_ms": 1000, "memory_mb": 600}],
}
LABELLED, UNLABELLED, RAISES = 101, 102, 104
HANGS, EATS, CRASHES, OPENS, CONNECTS = 201, 202, 203, 204, 205
"""Widths of pictures: by them tests.support.stand_in's model decides what it does."""


def picture_of_width(width: int, seed: int = 0) -> Photo:
    return Photo(f"{width}-{seed}.jpg", picture(width + 1000 * seed, size=(width, 64)), "image/jpeg")


@pytest.fixture(scope="module")
def listener() -> Iterator[socket.socket]:
    """A server that the model must not reach."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.setblocking(False)
        yield listening


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory, listener: socket.socket) -> Iterator[Stack]:
    require("varnishd")
    directory = tmp_path_factory.mktemp("classified")
    port = listener.getsockname()[1]
    path = install_model(directory / "installed", WRITTEN=directory / "written", PORT=port)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(path), prepend=os.pathsep)
        with Stack(directory / "stack", settings=SETTINGS) as running:
            running.edge.create_list("removed")
            yield running
            assert not (directory / "written").exists()


def incidents(stack: Stack) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = stack.edge.api("GET", "/incidents?limit=1000")["incidents"]
    return [incident for incident in found if incident["reason"] == "classified"]


def counted(stack: Stack, result: str) -> float:
    return stack.edge.metric(f'edgeward_classified_total{{classifier="model",result="{result}"}}')


def test_labels_are_for_review_and_block_nothing(stack: Stack) -> None:
    """An incident with label and score for an image at the threshold, once for each image, whatever the worker and the
    URL; images that a list matches are not classified."""
    told, untold, listed = picture_of_width(LABELLED), picture_of_width(UNLABELLED), picture_of_width(LABELLED, seed=1)
    twin = Photo("twin.jpg", told.body, told.media_type)
    for photo in (told, untold, listed, twin):
        stack.serve(photo)
    stack.edge.add_image("removed", listed.body, wait=True)
    assert [stack.get(listed.path).status for _ in range(4)] == [451] * 4
    for photo in (told, untold, twin) * 5:
        assert stack.get(photo.path).body == photo.body
    until(lambda: counted(stack, "labelled") + counted(stack, "unlabelled") == 2, pause=0.1)
    until(lambda: incidents(stack) != [], pause=0.1)
    [incident] = incidents(stack)
    assert incident["url"].endswith((told.path, twin.path))
    expected = {"decision": "deliver", "classifier": "model", "label": "a.dog_2 -", "score": 0.9123}
    assert expected.items() <= incident.items()
    assert (incident["list"], incident["entry"], incident["type"]) == ("", "", "")
    assert stack.held(told.path)
    assert stack.get(told.path).body == told.body
    assert (counted(stack, "labelled"), counted(stack, "unlabelled")) == (1, 1)


def test_a_model_harms_only_its_own_process(stack: Stack, listener: socket.socket) -> None:
    """It raises, hangs, takes all memory, crashes, opens a file, connects: its process is replaced, the image is
    delivered and counted, and the next images are delivered at once and classified later."""
    before = {result: counted(stack, result) for result in ("labelled", "failed")}
    proxies = stack.edge.run_file["processes"]["proxy"]
    harmful = [picture_of_width(width) for width in (RAISES, HANGS, EATS, CRASHES, OPENS, CONNECTS)]
    after = [picture_of_width(LABELLED, seed) for seed in range(2, 6)]
    for photo in (*harmful, *after):
        stack.serve(photo)
        assert stack.get(photo.path).body == photo.body
    until(lambda: counted(stack, "failed") - before["failed"] == len(harmful), pause=0.1)
    until(lambda: counted(stack, "labelled") - before["labelled"] == len(after), pause=0.1)
    assert stack.edge.run_file["processes"]["proxy"] == proxies
    assert stack.edge.metric('edgeward_process_starts_total{role="proxy"}') == WORKERS
    assert stack.edge.metric('edgeward_hasher_restarts_total{cause="crashed"}') == 0
    with pytest.raises(BlockingIOError):
        listener.accept()


@pytest.mark.parametrize(
    ("name", "detail"),
    [
        ("model", "classifiers 'model' of their-model 1.0: ModuleNotFoundError"),
        ("absent", "classifiers: 'absent' is not installed; known are: model"),
    ],
)
def test_a_broken_classifier_is_named_at_the_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, detail: str
) -> None:
    """Edgeward does not start with a classifier that is broken or missing: status 2, and its name."""
    monkeypatch.setenv("PYTHONPATH", str(install_model(tmp_path / "broken", "import nothing_of_that_name")))
    with (
        pytest.raises(Unavailable, match=f"(?s)status 2.*{detail}"),
        Edge(tmp_path / "edge", {"classifiers": [{"name": name}]}),
    ):
        pass
