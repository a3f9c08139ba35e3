"""Checks the settings of the store as far as that is possible without a connection."""

from edgeward.errors import ConfigError
from edgeward.settings.config import Config
from edgeward.store import embedded
from edgeward.store.store_address import StoreAddress, hide_password, parse_address


def check_store(config: Config) -> StoreAddress:
    """Where the store is.

    Raises:
        ConfigError: no process could connect to it. The message holds no password.
    """
    if config.store.url == "embedded":
        embedded.check_socket_path(config.state_dir)
    try:
        return parse_address(config.store_url)
    except ValueError as error:
        raise ConfigError(f"store.url {hide_password(config.store.url)}: {error}") from None
