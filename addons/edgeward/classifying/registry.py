"""The classifiers that an operator has installed: entry points of the group `edgeward.classifiers`."""

from collections.abc import Iterable
from importlib.metadata import EntryPoint

from edgeward import plug_ins
from edgeward.classifying.classifier import Classifier
from edgeward.errors import ConfigError


def check(names: Iterable[str]) -> None:
    """Load each, so that what is broken is known before anything else starts.

    Raises:
        ConfigError: as `load`.
    """
    for name in names:
        load(name)


def load(name: str) -> Classifier:
    """The classifier of that name, not yet prepared.

    Raises:
        ConfigError: it is not installed, or can't be loaded, or is not what it should be: the message names it.
    """
    entry = _entry(name)
    made = plug_ins.load(entry, Classifier)  # type: ignore[type-abstract]  # asks for a base, not for the class made
    if (called := getattr(made, "name", None)) != name:
        raise ConfigError(f"{plug_ins.origin(entry)}: its name {called!r} must be that of the entry point")
    return made


def version(name: str) -> str:
    """Of the distribution that brought it. ConfigError: it is not installed."""
    entry = _entry(name)
    return entry.dist.version if entry.dist else ""


def _entry(name: str) -> EntryPoint:
    entries = plug_ins.found(plug_ins.CLASSIFIERS)
    if name not in entries:
        known = ", ".join(entries) or "none"
        raise ConfigError(f"classifiers: {name!r} is not installed; known are: {known}")
    return entries[name]
