"""Whether anybody answers the requests that are sent again: what the headers of a response, or their absence, tell."""

import time

from edgeward.proxy.open_requests import OpenRequests
from edgeward.proxy.request_repeater import RequestRepeater, says_nothing
from edgeward.proxy.unanswered import Unanswered
from edgeward.proxy.unjudged_request import UnjudgedRequest
from edgeward.proxy.upstream_contact import UpstreamContact

LOOK_SECONDS = 0.8
"""An upstream that is up and has stored a response answers a try within this time."""


class AnswerWatch:
    """Notes of the open requests of one worker which are pending.

    Args:
        unanswered: what those mean for the caches that nobody has answered.
    """

    def __init__(
        self, open_requests: OpenRequests, contact: UpstreamContact, repeater: RequestRepeater, unanswered: Unanswered
    ) -> None:
        self._open, self._contact, self._repeater = open_requests, contact, repeater
        self._in_front = unanswered is not Unanswered.NEVER_STORED

    def note_answer(self, request: UnjudgedRequest, status: int) -> None:
        """Headers of a response to a try are here: a cache in front of the origin may have stored it."""
        self._contact.answered()
        request.version = self._repeater.version
        if says_nothing(status):
            request.turned_away = True
        elif self._in_front:
            request.answered = True
            self._open.answer_try((*request.numbers, *request.missed))

    async def note_silence(self, request: UnjudgedRequest) -> None:
        """A try has had no answer for LOOK_SECONDS, or one that says nothing: if the upstream is up, it has stored
        nothing that a client of this request could get."""
        if not self._in_front:
            return
        numbers = [*request.numbers]
        is_up = await self._contact.is_up_since(time.monotonic() - LOOK_SECONDS / 2, request.host)
        is_found = self._repeater.finds_what_is_stored(request.record)
        self._open.set_pending(numbers, is_up and is_found and not request.answered)
