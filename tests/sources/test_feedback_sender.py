"""Feedback reaches its programme, whatever that answers first."""

from pathlib import Path

import pytest
from tests.sources.exchanges.programmes import KEYS
from tests.sources.file_server import serving
from tests.sources.programme_of_tests import TakesVotes
from tests.sources.sources_of_tests import looked_until, running_source

from edgeward import metrics
from edgeward.operations.services import Services
from edgeward.settings.exchange_settings import ExchangeSettings
from edgeward.sources import feedback_sender as module
from edgeward.sources.exchanges.ncmec import Ncmec
from edgeward.sources.feedback import Decided, Feedback
from edgeward.sources.feedback_queue import FeedbackQueue
from edgeward.sources.feedback_sender import FeedbackSender
from edgeward.sources.source_reports import SourceReport
from edgeward.sources.source_worker import SourceWorker
from edgeward.store.connection import Store


def feedback(number: int, decided: Decided = Decided.MATCH) -> Feedback:
    return Feedback(f"{number:020x}", "a", "md5", f"{number:032x}", f"42-{number}", decided, "ana", number)


def is_sent(found: SourceReport) -> bool:
    return found.feedback is not None and not found.feedback.waiting


async def lines(services: Services) -> list[tuple[str, str]]:
    """What the audit trail says of feedback: the op and the entry, oldest first."""
    found = [each for each in reversed(await services.audit_trail.latest()) if each.op.startswith("feedback.")]
    return [(each.op, str(each.about["entry"])) for each in found]


@pytest.fixture(autouse=True)
def _no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "RETRY_SECONDS", (0.01, 0.02))


async def test_it_is_sent_again_until_it_is_taken(store: Store, tmp_path: Path) -> None:
    """After a refusal of credentials, a limit, an error of the server; each vote arrives once, and is counted."""
    programme = TakesVotes([401, 429, 500, 503])
    async with serving(programme.answer) as server:
        exchange = {"name": "x", "list": "a", "type": "ncmec", "url": server.url, "feedback": True, **KEYS["ncmec"]}
        async with running_source(store, tmp_path, exchanges=[exchange]) as services:
            for number in range(3):
                await FeedbackQueue(store).add("x", feedback(number))
            worker, before = SourceWorker(services, "one"), metrics.source_feedback.labels("x", "sent")._value.get()
            found = await looked_until(services, worker, is_sent, "the votes")
            await worker.close()
            assert found.feedback
            assert (found.feedback.sent, found.feedback.refused, found.feedback.error) == (3, 0, "")
            assert metrics.source_feedback.labels("x", "sent")._value.get() - before == 3
            assert sorted(await lines(services)) == [("feedback.send", feedback(each).entry) for each in range(3)]
    assert sorted(path for _, path, _ in programme.votes) == [
        f"/v2/entries/42/{each}/MD5/feedback" for each in range(3)
    ]


async def test_what_is_never_taken_is_given_up(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the programme does not know, and what it refuses again and again; the others are sent all the same."""
    monkeypatch.setattr(module, "MAX_TRIES", 3)
    programme = TakesVotes([404, 400, 200, 400, 400])
    async with serving(programme.answer) as server:
        exchange = {"name": "x", "list": "a", "type": "ncmec", "url": server.url, "feedback": True, **KEYS["ncmec"]}
        async with running_source(store, tmp_path, exchanges=[exchange]) as services:
            for number in range(3):
                await FeedbackQueue(store).add("x", feedback(number))
            worker = SourceWorker(services, "one")
            found = await looked_until(services, worker, is_sent, "the votes")
            await worker.close()
            assert found.feedback and (found.feedback.sent, found.feedback.refused) == (1, 2)
            assert "answers 400" in found.feedback.error
            assert sorted(await lines(services))[:2] == [("feedback.give_up", feedback(each).entry) for each in (0, 1)]
    assert [path for _, path, _ in programme.votes] == ["/v2/entries/42/2/MD5/feedback"]


async def test_a_vote_that_was_taken_and_not_noted_is_sent_once_more(store: Store, tmp_path: Path) -> None:
    """A controller that dies before its note leaves the vote in the queue: the next one repeats it once."""
    programme = TakesVotes()
    async with serving(programme.answer) as server:
        exchange = {"name": "x", "list": "a", "type": "ncmec", "url": server.url, "feedback": True, **KEYS["ncmec"]}
        async with running_source(store, tmp_path, exchanges=[exchange]) as services:
            await FeedbackQueue(store).add("x", feedback(0))
            ncmec = Ncmec(ExchangeSettings.model_validate(exchange), tmp_path)
            async with ncmec.feedback_client() as client:
                await ncmec.give(client, feedback(0))
            worker = SourceWorker(services, "two")
            found = await looked_until(services, worker, is_sent, "the vote")
            await worker.close()
            assert found.feedback and (found.feedback.sent, found.feedback.waiting) == (1, 0)
            assert not await FeedbackSender(services, "x", ncmec).due()
            assert await lines(services) == [("feedback.send", feedback(0).entry)]
    assert len(programme.votes) == 2 and programme.votes[0] == programme.votes[1]
