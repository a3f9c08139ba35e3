"""The sources that the settings name."""

import time
from pathlib import Path

from edgeward.settings.config import Config
from edgeward.sources.configured_sources import configured_sources, fetcher_of
from edgeward.sources.list_files import ListFile


def test_sources_of_the_settings(tmp_path: Path) -> None:
    """Each by its name, with what fetches it."""
    config = Config.model_validate({"list_sources": [{"name": "iwf", "list": "a", "location": "list.csv"}]})
    found = configured_sources(config)
    assert [*found] == ["iwf"]
    assert isinstance(fetcher_of(found["iwf"], tmp_path, time.time), ListFile)
