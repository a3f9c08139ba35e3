"""deploy/docker/compose.yaml: its services match each other and Edgeward's settings."""

import re
from pathlib import Path
from typing import Any

import yaml

from edgeward.settings.config import Config
from edgeward.settings.loading import load

DIRECTORY = Path(__file__).parents[2] / "deploy" / "docker"
SECRET = "a-secret-of-20-chars"


def services() -> dict[str, Any]:
    """The services, with ${PURGE_SECRET} and the defaults of other variables filled in."""
    text = (DIRECTORY / "compose.yaml").read_text().replace("${PURGE_SECRET:?set it to a long random string}", SECRET)
    found: dict[str, Any] = yaml.safe_load(re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", text))["services"]
    return found


def settings() -> Config:
    """The settings from the environment of the container and the settings file of the image."""
    return load(DIRECTORY / "edgeward.toml", services()["edgeward"]["environment"])


def test_edgeward_finds_the_other_services() -> None:
    """Upstream, cache node and store are services of this file, with the ports they listen on."""
    config = settings()
    parts = services()
    port = parts["varnish"]["command"][parts["varnish"]["command"].index("-a") + 1]
    assert config.proxy.upstream == f"http://varnish{port}"
    assert [cache.url for cache in config.caches] == [config.proxy.upstream]
    assert config.store.url == "redis://store:6379/0"
    assert set(parts["edgeward"]["depends_on"]) <= parts.keys()


def test_edgeward_and_varnish_have_the_same_secret() -> None:
    """Edgeward and Varnish get the same secret, and compose does not start without one."""
    assert settings().caches[0].secret == services()["varnish"]["environment"]["EDGEWARD_PURGE_SECRET"] == SECRET
    assert (DIRECTORY / "compose.yaml").read_text().count("${PURGE_SECRET:?") == 2


def test_mounted_files_exist() -> None:
    """Every mounted file and the Dockerfile are in the repository."""
    parts = services()
    mounts = [m.split(":")[0] for part in parts.values() for m in part.get("volumes", ()) if m.startswith(".")]
    assert len(mounts) == 2
    assert all((DIRECTORY / mount).resolve().is_file() for mount in mounts)
    build = parts["edgeward"]["build"]
    assert (DIRECTORY / build["context"] / build["dockerfile"]).resolve() == DIRECTORY / "Dockerfile"


def test_published_ports_are_listened_on() -> None:
    """The port of the proxy is published; that of the admin listener on loopback only."""
    config = settings()
    proxy, admin = (address.rpartition(":")[2] for address in (config.proxy.listen, config.admin.listen))
    assert services()["edgeward"]["ports"] == [f"8080:{proxy}", f"127.0.0.1:8081:{admin}"]


def test_the_container_has_time_to_stop() -> None:
    """Docker kills the container only after the workers had time to drain."""
    assert int(services()["edgeward"]["stop_grace_period"].rstrip("s")) > settings().proxy.drain_seconds


def test_store_keeps_everything() -> None:
    """The store writes each change to disk before it answers, never evicts, and stores sightings compactly."""
    command = " ".join(services()["store"]["command"])
    assert "--appendonly yes --appendfsync always --maxmemory-policy noeviction" in command
    assert "--hash-max-listpack-value 512" in command
