"""Plug-ins: classes of other distributions, found by their entry points.

An entry point (https://packaging.python.org/specifications/entry-points) names a class, which is instantiated without
arguments. Settings refer to the plug-in by the name of the entry point. Foreign code may raise anything: it becomes a
`ConfigError` that names the distribution.
"""

from collections.abc import Mapping
from importlib.metadata import EntryPoint, entry_points

from edgeward.errors import ConfigError

SIGNAL_GROUP = "edgeward.signals"
"""Entry points of signal types (docs/signals.md)."""
CLASSIFIER_GROUP = "edgeward.classifiers"
"""Entry points of classifiers (docs/classifiers.md)."""


def installed_names(group: str) -> tuple[str, ...]:
    """The names of a group's entry points, sorted. No plug-in is imported."""
    return tuple(sorted({entry.name for entry in entry_points(group=group)}))


def entry_points_of(group: str) -> Mapping[str, EntryPoint]:
    """The entry points of a group by name, sorted. No plug-in is imported.

    Raises:
        ConfigError: two distributions use the same name.
    """
    entries: dict[str, EntryPoint] = {}
    for entry in sorted(entry_points(group=group), key=lambda entry: entry.name):
        if entry.name in entries:
            raise ConfigError(f"{describe(entry)}: {describe(entries[entry.name])} has the same name")
        entries[entry.name] = entry
    return entries


def load[Plugin](entry: EntryPoint, base: type[Plugin]) -> Plugin:
    """Import a plug-in and return an instance of its class.

    Raises:
        ConfigError: the class can't be imported or instantiated, or is not a subclass of `base`.
    """
    try:
        plugin = entry.load()()
    except Exception as error:  # foreign code may raise anything, and the message says whose it is
        raise ConfigError(f"{describe(entry)}: {type(error).__name__}: {error}") from error
    if not isinstance(plugin, base):
        raise ConfigError(f"{describe(entry)}: {entry.value} is not a subclass of {base.__module__}.{base.__name__}")
    return plugin


def describe(entry: EntryPoint) -> str:
    """An entry point and its distribution, for messages: "edgeward.signals 'photodna' of stand-in 1.0"."""
    distribution = f" of {entry.dist.name} {entry.dist.version}" if entry.dist else ""
    return f"{entry.group} {entry.name!r}{distribution}"
