"""The metrics that alerts use, on a running Edgeward: they exist, and stay correct when a process dies."""

import os
import signal
import time
from collections.abc import Iterator

import pytest
from tests.support.eventually import until

from edgeward.demo.edge import Edge, free_address
from edgeward.demo.http_client import ask

PRESENT = (
    "edgeward_blocklist_lag_seconds",
    "edgeward_blocklist_version",
    "edgeward_retro_version",
    "edgeward_sightings_dropped_total",
    'edgeward_purge_oldest_seconds{cache="edge"}',
    'edgeward_process_starts_total{role="proxy"}',
    'edgeward_hasher_isolation{layer="seccomp"}',
)
"""Series that must exist before anything has gone wrong, for an alert to work."""
VERSION, CONTACT, STARTS = PRESENT[1], "edgeward_blocklist_contact_timestamp_seconds", PRESENT[5]
MATCHED, CONTROLLER_STARTS = PRESENT[2], 'edgeward_process_starts_total{role="controller"}'


@pytest.fixture(scope="module")
def edge(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Edge]:
    """Edgeward with one worker, and a cache that gets no orders."""
    cache = {"name": "edge", "driver": "varnish", "url": f"http://{free_address()}"}
    settings = {"proxy": {"workers": 1}, "hashing": {"processes": 1}, "caches": [cache]}
    with Edge(tmp_path_factory.mktemp("e") / "e", settings) as running:
        yield running


def series(edge: Edge) -> set[str]:
    lines = ask(edge.admin, "/metrics").body.decode().splitlines()
    return {line.rpartition(" ")[0] for line in lines if not line.startswith("#")}


def is_correct(edge: Edge) -> bool:
    """Whether the metrics have the current list version and a contact with the store within the last seconds."""
    age = time.time() - edge.metric(CONTACT)
    return edge.metric(VERSION) == edge.api("GET", "/status")["version"] and -1 < age < 3


def is_matched(edge: Edge) -> bool:
    """Whether all changes of the lists are matched against the sightings, by the metrics that the alert compares."""
    return 0 < edge.metric(VERSION) <= edge.metric(MATCHED)


def test_series_exist_from_the_start(edge: Edge) -> None:
    """An alert on a series that does not exist yet could never fire."""
    until(lambda: set(PRESENT) <= series(edge), "all series")


def test_the_age_of_the_lists_is_correct_after_a_worker_died(edge: Edge) -> None:
    """When a worker was killed and replaced, version and age of the lists are correct and not 0."""
    edge.create_list("some")
    until(lambda: is_correct(edge), "correct metrics")
    starts = edge.metric(STARTS)
    os.kill(edge.run_file["processes"]["proxy"][0], signal.SIGKILL)
    until(lambda: edge.metric(STARTS) > starts, "a restart")
    until(lambda: is_correct(edge), "correct metrics")


def test_a_controller_that_starts_again_has_matched_what_was_matched(edge: Edge) -> None:
    """Without a new change of the lists too: else EdgewardBackwardsMatchBehind would fire after each restart."""
    edge.create_list("matched")
    until(lambda: is_matched(edge), "the change is matched")
    starts = edge.metric(CONTROLLER_STARTS)
    os.kill(edge.run_file["processes"]["controller"][0], signal.SIGKILL)
    until(lambda: edge.metric(CONTROLLER_STARTS) > starts, "a restart")
    until(lambda: is_matched(edge), "the new controller says so")
