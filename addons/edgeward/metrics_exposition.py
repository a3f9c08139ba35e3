"""The metrics of all processes of a machine, in the Prometheus text format."""

import os
import time
from pathlib import Path

from prometheus_client import CollectorRegistry, generate_latest, multiprocess

from edgeward import metrics
from edgeward.process_states import process_states


def exposition() -> bytes:
    """All metrics of this machine's processes, in the Prometheus text format. If the directory that they share is gone,
    those of this process."""
    _set_process_states()
    combined = _combined()
    if combined is metrics.registry:
        return generate_latest(metrics.registry)
    # The age of the lists grows while nothing happens, so it is computed at each scrape.
    age = _age(combined)
    if age is not None:
        metrics.blocklist_lag_seconds.set(age)
    return generate_latest(combined)


def lists_age() -> float | None:
    """Seconds since the longest disconnected process on this machine heard from the store; None: none ever has."""
    return _age(_combined())


def _combined() -> CollectorRegistry:
    """The metrics of all processes of this machine, as far as this process knows of others."""
    directory = os.environ.get("PROMETHEUS_MULTIPROC_DIR")
    if not directory or not Path(directory).is_dir():
        return metrics.registry
    combined = CollectorRegistry()
    multiprocess.MultiProcessCollector(combined, path=directory)
    return combined


def _age(combined: CollectorRegistry) -> float | None:
    contact = combined.get_sample_value("edgeward_blocklist_contact_timestamp_seconds")
    return max(0.0, time.time() - contact) if contact else None


def _set_process_states() -> None:
    """What the supervisor, which has no metrics of its own, tells of its processes."""
    states = process_states()
    for role in {state.role for state in states}:
        metrics.processes_down.labels(role).set(sum(state.down for state in states if state.role == role))
        metrics.process_restarts.labels(role).set(sum(state.restarts for state in states if state.role == role))
