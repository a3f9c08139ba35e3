"""The rules for the limits of a list: its hosts, paths, share of the targets, and end."""

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from math import isfinite

from edgeward.errors import InvalidValue
from edgeward.quantities import listed
from edgeward.sightings.url_host import HostError, browser_host
from edgeward.types import HashList, ListKind, Mode
from edgeward.types.signals import ALL_TARGETS
from edgeward.types.url_patterns import MAX_PATTERNS, host_pattern, path_pattern

NEVER = 0.0
NAMED = 3
"""Hosts, and paths, that are named in a sentence at most."""
LATEST_END = 253402300799.0
"""The last second of the year 9999."""


def check_hosts(hosts: Sequence[str]) -> tuple[str, ...]:
    """The hosts of a list as they are stored. Names beyond ASCII become those that browsers send.

    Raises:
        InvalidValue: one of them is no host or pattern, or there are too many.
    """
    return _each(hosts, _host, "hosts")


def check_paths(paths: Sequence[str]) -> tuple[str, ...]:
    """The paths of a list as they are stored. Raises InvalidValue as `check_hosts` does."""
    return _each(paths, path_pattern, "paths")


def check_share(share: float) -> float:
    """A share of the targets, in per cent. Raises InvalidValue if it is none."""
    if not 0 < share <= ALL_TARGETS:
        raise InvalidValue("must be more than 0 and at most 100 per cent; for none, set the mode to monitor", "share")
    return share


def check_expires_at(at: float) -> float:
    """When a list ends, Unix seconds; NEVER. Raises InvalidValue if it is no time."""
    if not isfinite(at) or not (at == NEVER or 0 < at <= LATEST_END):
        raise InvalidValue("must be a time in Unix seconds, or 0 for never", "expires_at")
    return at


def check_policy(new: HashList, now: float, old: HashList | None = None) -> HashList:
    """A whole policy: values that are possible each by itself, and not together.

    Args:
        now: the store's time, Unix seconds.
        old: the policy before; None for a new list.

    Raises:
        InvalidValue: an allowlist has a share, or the list would end at once.
    """
    if new.kind is ListKind.ALLOW and new.share < ALL_TARGETS:
        raise InvalidValue("an allowlist has none: it protects what it matches, or does not", "share")
    is_over = new.expires_at != NEVER and new.expires_at <= now
    if is_over and (old is None or new.expires_at != old.expires_at):
        raise InvalidValue(f"{moment(new.expires_at)} is over: to end a list now, set its mode to off", "expires_at")
    if is_over and new.mode is not Mode.OFF and old is not None and old.mode is Mode.OFF:
        raise InvalidValue(
            f"the list has ended at {moment(new.expires_at)}: give a new time too, or 0 for never", "expires_at"
        )
    return new


def limits_in_words(hash_lists: Iterable[HashList]) -> list[str]:
    """One beginning of a sentence for each of the lists that does not act everywhere."""
    return [f"The list {each.name} acts {_where(each)} alone" for each in hash_lists if each.is_limited]


def _where(hash_list: HashList) -> str:
    found = [f"at {listed(hash_list.hosts, NAMED)}"] if hash_list.hosts else []
    found += [f"below {listed(hash_list.paths, NAMED)}"] if hash_list.paths else []
    found += [f"at {hash_list.share:g}% of the targets"] if hash_list.share < ALL_TARGETS else []
    return ", ".join(found)


def moment(at: float) -> str:
    """Unix seconds as a time in UTC, for sentences."""
    return f"{datetime.fromtimestamp(at, UTC).replace(tzinfo=None).isoformat(sep=' ', timespec='seconds')} UTC"


def _host(text: str) -> str:
    wildcard, name = ("*.", text[2:]) if text.startswith("*.") else ("", text)
    try:
        return host_pattern(text if text.isascii() else wildcard + browser_host(name))
    except HostError:
        raise ValueError(f"{text!r} is not a host, such as img.example.org or *.example.org") from None


def _each(texts: Sequence[str], parse: Callable[[str], str], key: str) -> tuple[str, ...]:
    if len(texts) > MAX_PATTERNS:
        raise InvalidValue(f"are {len(texts)}, and at most {MAX_PATTERNS} are possible", key)
    try:
        return tuple(dict.fromkeys(map(parse, texts)))
    except ValueError as error:
        raise InvalidValue(str(error), key) from None
