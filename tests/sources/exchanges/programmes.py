"""Exchanges with a local server that answers as the programme's documents say."""

from pathlib import Path
from typing import Any

from tests.sources.file_server import FileServer

from edgeward.lists.formats.hash_files import ParsedHash, format_of, open_file, read_rows
from edgeward.settings.exchange_settings import ExchangeSettings
from edgeward.sources.configured_sources import PROGRAMMES
from edgeward.sources.exchanges.exchange_fetcher import ExchangeFetcher
from edgeward.sources.list_files import Fetched

NOW = 1_796_000_000.0
KEYS: dict[str, dict[str, Any]] = {
    "ncmec": {"username": "u", "password": "p"},
    "stopncii": {"subscription_key": "s", "function_key": "f"},
    "threatexchange": {"token": "hush-hush", "privacy_group": 7},
    "tat": {"username": "u", "password": "p"},
}


def exchange(server: FileServer, kind: str, directory: Path, now: float = NOW) -> ExchangeFetcher:
    settings = ExchangeSettings.model_validate(
        {"name": "x", "list": "a", "type": kind, "url": server.url, **KEYS[kind]}
    )
    return ExchangeFetcher(PROGRAMMES[kind](settings, directory), directory, lambda: now)


def rows(fetched: Fetched) -> list[Any]:
    """What is in the file, as the importer reads it."""
    if fetched.file is None:
        return []
    with fetched.file as file:
        opened = open_file(file)
        return [*read_rows(opened.stream, format_of(opened.head, fetched.format))]


def hashes(fetched: Fetched) -> dict[str, bool]:
    """By its value, whether each hash is withdrawn; the last row decides."""
    return {each.signal.value: each.withdrawn for each in rows(fetched) if isinstance(each, ParsedHash)}
