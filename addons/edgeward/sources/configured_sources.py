"""The sources that the settings name, and how each is fetched."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

from edgeward.settings.config import Config
from edgeward.settings.source_settings import ListSourceSettings, SourceSettings
from edgeward.sources.list_files import Fetched, ListFile


class Fetcher(Protocol):
    """Fetches what is new since a checkpoint. Raises SourceFailed, NoDiskSpace."""

    async def fetch(self, checkpoint: Mapping[str, Any]) -> Fetched: ...


def configured_sources(config: Config) -> dict[str, SourceSettings]:
    """All sources by name."""
    return {each.name: each for each in config.list_sources}


def fetcher_of(settings: SourceSettings, directory: Path) -> Fetcher:
    """What fetches a source. `directory`: where large files are kept, without a name."""
    assert isinstance(settings, ListSourceSettings)
    return ListFile(settings, directory)
