"""`--dry-run` of `purge` and `takedown`: what would be purged."""

from typing import Any
from urllib.parse import urlsplit

from edgeward.cli.output import print_json, print_note, print_table, printable
from edgeward.errors import Exit
from edgeward.quantities import counted, listed

PREVIEW_SECONDS = 60.0
"""Longest wait for an answer, besides that for any other: to look below a prefix reads all sightings."""
MAX_SHOWN = 20
"""Targets and hosts that are printed. --json has more."""


def is_whole_host(prefix: str) -> bool:
    """Whether everything at a host is below the URL."""
    try:
        parts = urlsplit(prefix)
    except ValueError:  # the API says what is wrong with it
        return False
    return parts.path in ("", "/") and not parts.query


def total(preview: dict[str, Any]) -> str:
    """The number of targets, in words."""
    return f"{'at least ' if preview['at_least'] else ''}{counted(preview['count'], 'target')}"


def show(preview: dict[str, Any], as_json: bool) -> Exit:
    """Print what would be purged. FOUND if something matched nothing."""
    if as_json:
        print_json(preview)
    else:
        _print(preview)
    for text in preview["unmatched"][:MAX_SHOWN]:
        print_note(f"nothing matched {text}: no copy of it was seen")
    if len(preview["unmatched"]) > MAX_SHOWN:
        print_note(f"nothing matched {len(preview['unmatched']) - MAX_SHOWN} more")
    return Exit.FOUND if preview["unmatched"] else Exit.DONE


def _print(preview: dict[str, Any]) -> None:
    hosts = list(preview["hosts"].items())
    print_table(("host", "targets"), hosts[:MAX_SHOWN])
    if len(hosts) > MAX_SHOWN:
        print(f"and {len(hosts) - MAX_SHOWN} more hosts")
    for target in preview["targets"][:MAX_SHOWN]:
        print(f"would purge {printable(target['url'])}")
    if preview["count"] > MAX_SHOWN:
        print(f"and {preview['count'] - MAX_SHOWN} more targets")
    for prefix in preview["prefixes"][:MAX_SHOWN]:
        stands_for = f" ({counted(prefix['forgotten'], 'forgotten target')})" if prefix["forgotten"] else ""
        print(f"would purge everything below {printable(prefix['url']) if prefix['url'] else 'every host'}{stands_for}")
    images = f", of {counted(preview['images'], 'image')}" if preview["images"] else ""
    at = f" at {listed(preview['hosts'], 3)}" if hosts else ""
    print(f"{total(preview)} would be purged{at}{images}; nothing was ordered")
