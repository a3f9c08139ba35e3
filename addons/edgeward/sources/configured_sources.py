"""The sources that the settings name, and how each is fetched."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol

from edgeward.settings.config import Config
from edgeward.settings.exchange_settings import ExchangeSettings
from edgeward.settings.source_settings import ListSourceSettings, SourceSettings
from edgeward.sources.exchanges.exchange_fetcher import ExchangeFetcher
from edgeward.sources.exchanges.ncmec import Ncmec
from edgeward.sources.exchanges.programme import Programme, TakesFeedback
from edgeward.sources.exchanges.stopncii import StopNcii
from edgeward.sources.exchanges.tat import Tat
from edgeward.sources.exchanges.threatexchange import ThreatExchange
from edgeward.sources.list_files import Fetched, ListFile

PROGRAMMES: Mapping[str, Callable[[ExchangeSettings, Path], Programme]] = {
    "ncmec": Ncmec,
    "stopncii": StopNcii,
    "threatexchange": ThreatExchange,
    "tat": Tat,
}
"""By the type of an exchange."""
FEEDBACK_PROGRAMMES: Mapping[str, Callable[[ExchangeSettings, Path], TakesFeedback]] = {
    "ncmec": Ncmec,
    "stopncii": StopNcii,
}
"""Those that take feedback."""


class Fetcher(Protocol):
    """Fetches what is new since a checkpoint. Raises SourceFailed, NoDiskSpace."""

    async def fetch(self, checkpoint: Mapping[str, Any]) -> Fetched: ...


def configured_sources(config: Config) -> dict[str, SourceSettings]:
    """All sources by name."""
    return {each.name: each for each in (*config.list_sources, *config.exchanges)}


def fetcher_of(settings: SourceSettings, directory: Path, now: Callable[[], float]) -> Fetcher:
    """What fetches a source.

    Args:
        directory: where large files are kept, without a name.
        now: the store's time, Unix seconds.
    """
    if isinstance(settings, ListSourceSettings):
        return ListFile(settings, directory)
    assert isinstance(settings, ExchangeSettings)
    return ExchangeFetcher(PROGRAMMES[settings.type](settings, directory), directory, now)


def feedback_programmes(config: Config) -> dict[str, TakesFeedback]:
    """By the name of an exchange that sends feedback, where it goes."""
    directory = config.state_dir.absolute()
    return {
        each.name: FEEDBACK_PROGRAMMES[each.type](each, directory)
        for each in config.exchanges
        if each.feedback and each.type in FEEDBACK_PROGRAMMES
    }
