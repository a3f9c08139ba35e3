"""The sources for people: the state of each, and "pull it now"."""

from dataclasses import dataclass

from edgeward.errors import NotFound
from edgeward.operations.services import Services
from edgeward.quantities import listed
from edgeward.settings.exchange_settings import ExchangeSettings
from edgeward.settings.secret_types import hide_secrets
from edgeward.settings.source_settings import ListSourceSettings, SourceSettings
from edgeward.sources.configured_sources import configured_sources
from edgeward.sources.feedback_queue import FeedbackCounts, FeedbackQueue
from edgeward.sources.source_states import PullRequest, SourceState, SourceStates

NAMED = 20


@dataclass(frozen=True, slots=True)
class SourceReport:
    """A source.

    Attributes:
        kind: "file", or the type of an exchange.
        place: where it comes from, without secrets.
        age: seconds since the last good pull, or since the source is known.
        stale: whether that is more than its `stale_seconds`.
        held: whether its import waits for a person.
        controller: that pulls it; "" if none does yet.
        feedback: what is sent to its programme; None if nothing is.
    """

    name: str
    kind: str
    list: str
    place: str
    age: float
    stale: bool
    controller: str
    state: SourceState
    feedback: FeedbackCounts | None = None

    @property
    def held(self) -> bool:
        return bool(self.state.job) and self.state.phase not in ("importing", "pulling")

    @property
    def word(self) -> str:
        """The state in a word or two."""
        if self.held:
            return f"{self.state.phase} for approval: {self.state.job}"
        if self.state.phase == "waiting" and self.state.failures:
            return "failing"
        return self.state.phase if self.state.pulled_at or self.state.phase != "waiting" else "never pulled"


def is_stale(settings: SourceSettings, state: SourceState, now: float) -> bool:
    """Whether the last good pull is too long ago."""
    return state.age(now) > settings.stale_seconds


async def reports(services: Services) -> list[SourceReport]:
    """The sources in the settings of this controller, by name."""
    sources, states = configured_sources(services.config), SourceStates(services.store)
    queue = FeedbackQueue(services.store)
    found, holders, now = await states.read([*sources]), await states.holders(), services.store.clock.now()
    return [
        SourceReport(
            name,
            _kind(settings),
            settings.list,
            _place(settings),
            found[name].age(now),
            is_stale(settings, found[name], now),
            holders.get(name, ""),
            found[name],
            await queue.counts(name) if isinstance(settings, ExchangeSettings) and settings.feedback else None,
        )
        for name, settings in sorted(sources.items())
    ]


async def ask(services: Services, name: str, request: PullRequest, why: str) -> float:
    """Have a source pulled now, by the controller that has it. Returns the store's time: a later pull is this one.

    Raises:
        NotFound: the settings name no such source.
    """
    sources = configured_sources(services.config)
    if name not in sources:
        raise NotFound(f"no source is named {name!r}; known: {listed(sorted(sources), NAMED) or 'none'}")
    allowed = {"allow_large_removal": request.allow_large_removal, "anew": request.anew}
    await services.audit_trail.note("source.pull", request.by, why, source=name, list=sources[name].list, **allowed)
    at = services.store.clock.now()
    await SourceStates(services.store).ask(name, request)
    return at


def _kind(settings: SourceSettings) -> str:
    return settings.type if isinstance(settings, ExchangeSettings) else "file"


def _place(settings: SourceSettings) -> str:
    if isinstance(settings, ListSourceSettings):
        return hide_secrets(settings.location)
    assert isinstance(settings, ExchangeSettings)
    own = f"{settings.type} {settings.environment}" if settings.type == "ncmec" else settings.type
    return hide_secrets(settings.url or own)
