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
entries_to_monitor = Counter(
    "edgeward_entries_set_to_monitor_total",
    "Entries that were set to monitor, because they matched more than guard.entry_images different images in a day.",
    registry=registry,
)
monitored_entries = Gauge(
    "edgeward_monitored_entries",
    "Entries that the guard has set to monitor, and that wait for a person.",
    registry=registry,
    multiprocess_mode="livemostrecent",
)
