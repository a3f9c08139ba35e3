"""The settings that all controllers of one store must share, since any of them may do what a setting decides.

What belongs to one machine is not among them: its addresses, processes, limits and policies.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from edgeward.settings.cache_settings import CdnCache
from edgeward.settings.config import Config
from edgeward.settings.own_network import is_local, network_id
from edgeward.settings.setting_types import Section

NOT_SET = "not set"
OWN_OF_CACHES = frozenset({"name", "timeout_ms", "per_second"})
"""Of a cache: how fast one controller may purge it is its own affair."""
SAME_CACHE = frozenset({"tier", "accepted_is_enough", "serves", "tags", "bans"})
"""Of a cache: where these differ, the same cache is purged all the same."""
SHARED = {
    "audit": ("keep_days",),
    "guard": ("enabled", "share", "min_images", "targets", "protected", "second_person", "entry_images"),
    "hashing": ("signals", "min_quality"),
    "purge": ("keep_days", "repeat_seconds"),
    "sightings": ("keep_days", "refresh_seconds", "max_bytes"),
    "sweep": (
        *("enabled", "within_seconds", "share", "per_second", "timeout_ms"),
        *("private", "hold_seconds", "hold_share"),
    ),
}
"""By section, its shared settings. Of tables, see `shared_settings`."""
ADDRESSES = ("url", "htcp", "origin")
"""The keys of tables that say where something is. Each leads elsewhere on each machine if it is a loopback address."""
NETWORK = "_network"
"""Of such a key, "caches.NAME.url_network" is the network in which a loopback address is meant."""


@dataclass(frozen=True, slots=True)
class SettingDifference:
    """A setting that differs between controllers.

    Attributes:
        name: as "sightings.keep_days", or "caches.NAME.url" for a key of a table, or "caches.NAME.url_network".
        values: by controller its value, as JSON, without secrets; or NOT_SET.
    """

    name: str
    values: Mapping[str, str]

    def __str__(self) -> str:
        if not self.is_of_networks:
            return f"{self.name} differs: {', '.join(f'{value} at {where}' for where, value in self.values.items())}"
        key, count = self.name.removesuffix(NETWORK), len(set(self.values.values()))
        where = f"{count} machines or containers ({', '.join(self.values)})"
        what = "each purges its own" if self.cache else "each has its own origin"
        fix = f"give {'each cache a name and' if self.cache else 'the origin'} an address that all controllers reach"
        return f"{key} is a loopback address of {where}: {what}; {fix}"

    @property
    def is_of_networks(self) -> bool:
        """Whether the setting is the same, and leads elsewhere on each machine."""
        return self.name.startswith(("caches.", "hosts.")) and self.name.endswith(NETWORK)

    @property
    def kind(self) -> str:
        """The name without that of the table: "caches.url"."""
        first, *others = self.name.split(".")
        return f"{first}.{others[-1]}" if others else first

    @property
    def cache(self) -> str:
        """The cache that controllers may purge at different places, or in different ways; "" if it is none."""
        table, _, key = self.name.removeprefix("caches.").rpartition(".")
        return table if self.name.startswith("caches.") and key not in SAME_CACHE else ""


def shared_settings(config: Config, network: str = "") -> dict[str, str]:
    """By name, each of them as JSON. Secrets and passwords are masked: that they differ does not show.

    Args:
        network: in which loopback addresses are meant. Default: that of this process.
    """
    network = network or network_id()
    found = {
        f"{section}.{key}": _json(getattr(config, section).shown()[key])
        for section, keys in SHARED.items()
        for key in keys
    }
    for cache in config.caches:
        found |= _table("caches", cache.name, cache, OWN_OF_CACHES)
        # An API of a CDN behind a loopback address is a relay: which cache is meant is said by the zone.
        if not isinstance(cache, CdnCache):
            found |= _networks("caches", cache.name, cache, network)
    for host in config.hosts:
        found |= _table("hosts", host.name, host)
        found |= _networks("hosts", host.name, host, network)
    found["scan_exceptions"] = _json([each.shown() for each in config.scan_exceptions])
    for sender in config.webhooks:
        found |= _table("webhooks", sender.name, sender)
    return found


def _table(kind: str, name: str, table: Section, left_out: frozenset[str] = frozenset({"name"})) -> dict[str, str]:
    return {f"{kind}.{name}.{key}": _json(value) for key, value in table.shown().items() if key not in left_out}


def _networks(kind: str, name: str, table: Section, network: str) -> dict[str, str]:
    """Of those keys of the table whose value is a loopback address."""
    return {
        f"{kind}.{name}.{key}{NETWORK}": _json(network)
        for key in ADDRESSES
        if (address := getattr(table, key, None)) and is_local(_host(address))
    }


def _host(address: str) -> str:
    """That of a URL, or of HOST:PORT."""
    return urlsplit(address if "://" in address else f"//{address}").hostname or ""


def _json(value: object) -> str:
    return NOT_SET if value is None else json.dumps(value)


def names_of_caches(settings: Mapping[str, str]) -> set[str]:
    """Of the caches that are in these settings."""
    driver = ".driver"
    return {
        name.removeprefix("caches.").removesuffix(driver)
        for name in settings
        if name.startswith("caches.") and name.endswith(driver)
    }


def differences(by_controller: Mapping[str, Mapping[str, str]]) -> list[SettingDifference]:
    """What differs, by name. A cache or a sender that a controller does not have, and a setting that its release does
    not know, is no difference; a host whose origin it does not know is one."""
    found = []
    for name in sorted({name for settings in by_controller.values() for name in settings}):
        counts_if_missing = name.startswith("hosts.") and not name.endswith(NETWORK)
        values = {
            controller: settings.get(name, NOT_SET)
            for controller, settings in sorted(by_controller.items())
            if name in settings or counts_if_missing
        }
        if len(set(values.values())) > 1:
            found.append(SettingDifference(name, values))
    return found
