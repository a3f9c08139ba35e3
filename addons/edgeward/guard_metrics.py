"""The metrics of the guard (operations/guard.py)."""

from prometheus_client import Counter, Gauge

from edgeward.metrics import registry

updates_held = Counter(
    "edgeward_updates_held_total",
    "Updates of the lists that were held, because they would block or purge too much.",
    registry=registry,
)
held_updates = Gauge(
    "edgeward_held_updates",
    "Updates of the lists that wait until a second person approves or rejects them.",
    registry=registry,
    multiprocess_mode="livemostrecent",
)
