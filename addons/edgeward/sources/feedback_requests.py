"""What people report of an entry becomes feedback to the programme that listed it."""

from edgeward.errors import Conflict
from edgeward.imports.source_acts import SourceActs
from edgeward.operations import receipts
from edgeward.operations.services import Services
from edgeward.settings.exchange_settings import TAKE_FEEDBACK, ExchangeSettings
from edgeward.sources.feedback import Decided, Feedback
from edgeward.sources.feedback_queue import FeedbackQueue
from edgeward.types import Entry


async def report(services: Services, entry_id: str, decided: Decided, who: str, why: str) -> tuple[str, Entry]:
    """Have the programme told what an entry turned out to be, also of one that was removed. Nothing is sent but the
    hash, the programme's own id, and the vote.

    Returns:
        The name of the exchange, and the entry.

    Raises:
        NotFound: there is no such entry, and there was none.
        Conflict: no exchange listed it, that one takes no feedback or may send none, or too much waits to be sent.
    """
    entry = (await receipts.entry_of(services, entry_id))[0]
    exchange = _exchange_of(services, entry)
    signal, at = entry.signal, services.store.clock.now()
    feedback = Feedback(entry_id, entry.list, signal.type, signal.value, entry.source_id, decided, who, at)
    await FeedbackQueue(services.store).add(exchange.name, feedback)
    about = {"source": exchange.name, "list": entry.list, "entry": entry_id, "decided": decided.value}
    await services.audit_trail.note("feedback.report", who, why, **about)
    return exchange.name, entry


def _exchange_of(services: Services, entry: Entry) -> ExchangeSettings:
    """The exchange that listed an entry, and that may send feedback. Raises Conflict."""
    of_list = [each for each in services.config.exchanges if each.list == entry.list]
    found = next((each for each in of_list if entry.act in SourceActs(each.list, each.name)), None)
    if found is None:
        raise Conflict(f"{entry.id} was not listed by an exchange of the settings: there is nobody to tell")
    if found.type not in TAKE_FEEDBACK:
        raise Conflict(f"{entry.id} came from {found.name}: an exchange of type {found.type} takes no feedback")
    if not found.feedback:
        raise Conflict(f"{entry.id} came from {found.name}, whose settings have feedback = false: nothing is sent")
    return found
