"""Sends the feedback of one exchange, in the controller that has its lease.

If that controller dies between the answer of the programme and its note here, the feedback is sent twice: the second
is the same vote.
"""

import logging

from edgeward import metrics
from edgeward.operations.services import Services
from edgeward.sources.exchanges.programme import TakesFeedback
from edgeward.sources.feedback import Feedback, FeedbackRefused
from edgeward.sources.feedback_queue import FeedbackQueue
from edgeward.sources.source_failure import SourceFailed

logger = logging.getLogger(__name__)

MAX_AT_ONCE = 100
"""Feedback that is sent in one turn, one after the other."""
RETRY_SECONDS = (30.0, 3600.0)
"""Pause after feedback that was not taken: the first, and the longest. It doubles."""
MAX_TRIES = 80
"""More than three days."""
NEVER_TAKEN = frozenset({404, 405, 409, 410, 413, 415, 422})
"""Statuses of answers that will be the same next time."""
SERVER_STATUSES = frozenset({0, 401, 403, 429, 503})
"""Statuses that any other feedback would get now too; 0: no answer."""
MAX_ERROR_CHARACTERS = 500


class FeedbackSender:
    """The feedback of one source. `programme`: where it goes."""

    def __init__(self, services: Services, source: str, programme: TakesFeedback) -> None:
        self._services, self._source, self._programme = services, source, programme
        self._queue = FeedbackQueue(services.store)

    async def due(self) -> list[Feedback]:
        """What is to be sent now. Raises STORE_AWAY."""
        now, longest = self._now(), RETRY_SECONDS[1]
        waiting = await self._queue.waiting(self._source)
        # A time far ahead is from before the store's clock was set back.
        return [each for each in waiting if not now < each.next_at <= now + longest + 1][:MAX_AT_ONCE]

    async def send(self, feedback: list[Feedback]) -> None:
        """Send these. What is not taken is sent again later, or given up. Raises STORE_AWAY."""
        for number, each in enumerate(feedback):
            try:
                async with self._programme.feedback_client() as client:
                    await self._programme.give(client, each)
            except FeedbackRefused as error:
                await self._give_up(each, str(error))
            except SourceFailed as error:
                if error.status in NEVER_TAKEN or each.tries + 1 >= MAX_TRIES:
                    await self._give_up(each, str(error))
                    continue
                await self._postpone(each, error)
                if error.status in SERVER_STATUSES:
                    for later in feedback[number + 1 :]:
                        await self._postpone(later, error, tried=False)
                    return
            else:
                await self._queue.done(self._source, each)
                await self._note("feedback.send", each, "")
                metrics.source_feedback.labels(self._source, "sent").inc()

    async def _give_up(self, feedback: Feedback, error: str) -> None:
        await self._queue.done(self._source, feedback, error[:MAX_ERROR_CHARACTERS])
        await self._note("feedback.give_up", feedback, error[:MAX_ERROR_CHARACTERS])
        metrics.source_feedback.labels(self._source, "refused").inc()
        logger.warning("source %s: feedback was refused; `edgeward sources` says why", self._source)

    async def _postpone(self, feedback: Feedback, error: SourceFailed, *, tried: bool = True) -> None:
        first, longest = RETRY_SECONDS
        pause = max(min(first * 2 ** min(feedback.tries, 20), longest), min(error.retry_after or 0.0, longest))
        text = str(error)[:MAX_ERROR_CHARACTERS]
        await self._queue.send_again(self._source, feedback, self._now() + pause, text, tried=tried)
        if tried:
            metrics.source_feedback.labels(self._source, "failed").inc()

    async def _note(self, what: str, feedback: Feedback, why: str) -> None:
        about = {"source": self._source, "list": feedback.list, "entry": feedback.entry, "decided": feedback.decided}
        await self._services.audit_trail.note(what, f"source:{self._source}", why, **about)

    def _now(self) -> float:
        return self._services.store.clock.now()
