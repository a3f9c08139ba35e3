"""What the alerts look at, on a running Edgeward: it is there, and it stays true when a process dies."""

import os
import signal
import time
from collections.abc import Iterator

import pytest

from edgeward.demo.edge import Edge, free_address, until

PRESENT = (
    "edgeward_blocklist_lag_seconds",
    "edgeward_blocklist_version",
    "edgeward_retro_version",
    "edgeward_sightings_dropped_total",
    'edgeward_purge_oldest_seconds{cache="edge"}',
    'edgeward_process_starts_total{role="proxy"}',
    'edgeward_hasher_isolation{layer="seccomp"}',
)
"""Series that an alert needs to be there before anything has gone wrong."""
VERSION, CONTACT, STARTS = PRESENT[1], "edgeward_blocklist_contact_timestamp_seconds", PRESENT[5]


@pytest.fixture(scope="module")
def edge(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Edge]:
    """Edgeward with one worker, and a cache that nobody asks anything of."""
    cache = {"name": "edge", "driver": "varnish", "url": f"http://{free_address()}"}
    settings = {"proxy": {"workers": 1}, "hashing": {"processes": 1}, "caches": [cache]}
    with Edge(tmp_path_factory.mktemp("e") / "e", settings) as running:
        yield running


def series(edge: Edge) -> set[str]:
    from edgeward.demo.answer import ask

    lines = ask(edge.admin, "/metrics").body.decode().splitlines()
    return {line.rpartition(" ")[0] for line in lines if not line.startswith("#")}


def is_true(edge: Edge) -> bool:
    """The metrics say the version that the lists have, and that the store was heard from just now."""
    age = time.time() - edge.metric(CONTACT)
    return edge.metric(VERSION) == edge.api("GET", "/status")["version"] and -1 < age < 3


def test_series_are_there_from_the_start(edge: Edge) -> None:
    """An alert over a series that is not there yet could never fire."""
    until(lambda: set(PRESENT) <= series(edge), pause=0.1)


def test_age_of_the_lists_is_true_after_a_worker_died(edge: Edge) -> None:
    """A worker is killed and replaced: version and age of the lists are told as they are, not as 0."""
    edge.create_list("some")
    until(lambda: is_true(edge), pause=0.1)
    starts = edge.metric(STARTS)
    os.kill(edge.run_file["processes"]["proxy"][0], signal.SIGKILL)
    until(lambda: edge.metric(STARTS) > starts, 60, pause=0.1)
    until(lambda: is_true(edge), 60, pause=0.1)
