"""The installed classifiers: entry points of the group `edgeward.classifiers`."""

from collections.abc import Iterable
from importlib.metadata import EntryPoint

from edgeward import plug_ins
from edgeward.classifying.classifier import Classifier
from edgeward.errors import ConfigError


def check(names: Iterable[str]) -> None:
    """Load each, so that a broken one is reported before anything starts.

    Raises:
        ConfigError: as `load`.
    """
    for name in names:
        load(name)


def load(name: str) -> Classifier:
    """The classifier of that name, not yet prepared.

    Raises:
        ConfigError: it is not installed, can't be loaded, or is not a Classifier. The message names it.
    """
    entry = _entry(name)
    classifier = plug_ins.load(entry, Classifier)  # type: ignore[type-abstract]  # asks for a base, not for the class made
    if (called := getattr(classifier, "name", None)) != name:
        raise ConfigError(f"{plug_ins.describe(entry)}: its name {called!r} must equal that of the entry point")
    return classifier


def version(name: str) -> str:
    """The version of its distribution. ConfigError: it is not installed."""
    entry = _entry(name)
    return entry.dist.version if entry.dist else ""


def _entry(name: str) -> EntryPoint:
    entries = plug_ins.entry_points_of(plug_ins.CLASSIFIER_GROUP)
    if name not in entries:
        known = ", ".join(entries) or "none"
        raise ConfigError(f"classifiers: {name!r} is not installed; known are: {known}")
    return entries[name]
