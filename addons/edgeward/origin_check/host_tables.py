"""The table of the settings from which a host's origin is known: that is how people find it."""

from edgeward.settings.config import Config, plain_host

UPSTREAM = "proxy.upstream"


def table_of(config: Config, host: str) -> str:
    """The name of the host's table in [[hosts]], "*" for that of all others, or UPSTREAM."""
    names = {plain_host(each.name): each.name for each in config.hosts}
    return names.get(plain_host(host)) or names.get("*") or UPSTREAM


def tables(config: Config) -> list[str]:
    """All of them."""
    return [*(each.name for each in config.hosts), UPSTREAM]


def describe_host(config: Config, host: str) -> str:
    """The table as log lines name it. It is not the host's name: clients may have made that up."""
    table = table_of(config, host)
    return table if table == UPSTREAM else f'[[hosts]] name = "{table}"'
