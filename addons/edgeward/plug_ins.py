"""What an operator has installed beside the package: classes that are found by their entry points.

An entry point (https://packaging.python.org/specifications/entry-points) leads to a class, which is made without
arguments. Its name is what settings call it by. Another's code may raise anything, and does so here: as a `ConfigError`
that says whose it is.
"""

from collections.abc import Mapping
from importlib.metadata import EntryPoint, entry_points

from edgeward.errors import ConfigError

SIGNALS = "edgeward.signals"
CLASSIFIERS = "edgeward.classifiers"


def names(group: str) -> tuple[str, ...]:
    """What is installed of a group, in order; nothing of it is loaded."""
    return tuple(sorted({entry.name for entry in entry_points(group=group)}))


def found(group: str) -> Mapping[str, EntryPoint]:
    """The entry points of a group by name, in order.

    Raises:
        ConfigError: two have the same name.
    """
    entries: dict[str, EntryPoint] = {}
    for entry in sorted(entry_points(group=group), key=lambda entry: entry.name):
        if entry.name in entries:
            raise ConfigError(f"{origin(entry)}: {origin(entries[entry.name])} has the same name")
        entries[entry.name] = entry
    return entries


def load[Made](entry: EntryPoint, base: type[Made]) -> Made:
    """The object that an entry point leads to.

    Raises:
        ConfigError: it can't be loaded or made, or is no `base`.
    """
    try:
        made = entry.load()()
    except Exception as error:  # whatever another's code raises: it is named
        raise ConfigError(f"{origin(entry)}: {type(error).__name__}: {error}") from error
    if not isinstance(made, base):
        raise ConfigError(f"{origin(entry)}: {entry.value} is no class under {base.__module__}.{base.__name__}")
    return made


def origin(entry: EntryPoint) -> str:
    """Names an entry point and who brought it, for messages."""
    whose = f" of {entry.dist.name} {entry.dist.version}" if entry.dist else ""
    return f"{entry.group} {entry.name!r}{whose}"
