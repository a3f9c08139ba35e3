"""What an origin's answer means for a target: the label `result` of edgeward_sweep_checks_total."""

import logging
from collections.abc import Awaitable, Callable

from edgeward.origin_check.host_answers import HostAnswers, Removal
from edgeward.origin_check.origin import OriginAnswer, OriginState
from edgeward.origin_check.picture_comparison import Likeness, PictureComparison
from edgeward.origin_check.queue import ServedTarget

logger = logging.getLogger(__name__)

REMOVALS = ("gone", "replaced", "private")
PAGE = "page"
LABELS = {Removal.UNKNOWN: "kept", Removal.FIRST: "refused", Removal.HELD: "held"}

type Ask = Callable[[ServedTarget], Awaitable[OriginAnswer]]
"""Asks an origin for a target, without a condition."""


class AnswerJudge:
    """Judges answers by what else is known of the image and of its host.

    Args:
        now: the store's time (Unix seconds).
        keeps_private: whether an image that is no longer public is only counted.
        describe_host: how log lines name a host: by its table in the settings.
    """

    def __init__(
        self,
        answers: HostAnswers,
        pictures: PictureComparison,
        now: Callable[[], float],
        keeps_private: bool,
        describe_host: Callable[[str], str],
    ) -> None:
        self._answers, self._pictures, self._now = answers, pictures, now
        self._keeps_private, self._describe_host = keeps_private, describe_host

    async def judge(self, served: ServedTarget, answer: OriginAnswer, ask: Ask) -> str:
        """One of REMOVALS, if the target must be purged, else another label."""
        meaning = await self._meaning(served, answer)
        if meaning == "same":
            await self._note_served(served)
        if meaning not in (*REMOVALS, PAGE):
            return meaning
        needs_second_look = meaning in ("private", PAGE)
        removal = await self._answers.note_removed(served, self._now(), needs_second_look)
        if removal is Removal.UNPROVEN:
            removal = await self._prove(served, meaning, ask)
        if removal is Removal.CONFIRMED:
            return "replaced" if meaning == PAGE else meaning
        return LABELS[removal]

    async def _meaning(self, served: ServedTarget, answer: OriginAnswer) -> str:
        """What the answer alone means: a label, or PAGE."""
        if answer.state is OriginState.OTHER:
            likeness = await self._pictures.compare(served.image, answer.body)
            return {Likeness.SAME: "same", Likeness.OTHER: "replaced", Likeness.UNKNOWN: "unclear"}[likeness]
        if answer.state is OriginState.PAGE:
            # Pages with images inside may change with every request.
            return PAGE if await self._pictures.is_page(served.image) is False else "unclear"
        is_private = answer.state is OriginState.PRIVATE
        if answer.location and await self._answers.is_common_redirect(served, answer.location):
            is_private = True
        if is_private:
            return "kept" if self._keeps_private else "private"
        return str(answer.state)

    async def _prove(self, served: ServedTarget, meaning: str, ask: Ask) -> Removal:
        """Most images of the host are removed: ask for some that it had. If it has one of them, look again."""
        for good in await self._answers.good_targets(served):
            if await self._meaning(good, await ask(good)) == "same":
                await self._note_served(good)
                is_removed = await self._meaning(served, await ask(served)) == meaning
                return Removal.CONFIRMED if is_removed else Removal.FIRST
        if await self._answers.hold(served, self._now()):
            logger.warning(
                "origin check: most images of a host of %s are removed at once: nothing of it is purged "
                "(edgeward doctor names it)",
                self._describe_host(served.target.host),
            )
        return Removal.HELD

    async def _note_served(self, served: ServedTarget) -> None:
        if await self._answers.note_served(served, self._now()):
            logger.warning(
                "origin check: a host of %s has its images again: what it removed is checked once more, and purged",
                self._describe_host(served.target.host),
            )
