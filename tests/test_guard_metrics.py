"""The metrics of the guard."""

from edgeward import guard_metrics, metrics


def test_they_are_exposed_with_all_others() -> None:
    """In one registry, so that every process of a machine adds to them."""
    names = {name for metric in metrics.registry.collect() for name in [metric.name]}
    assert {"edgeward_updates_held", "edgeward_held_updates"} <= names
    assert guard_metrics.registry is metrics.registry
