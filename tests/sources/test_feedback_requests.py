"""What people report of an entry is told to the programme that listed it, and to no other."""

from pathlib import Path

import pytest
from tests.sources.exchanges.programmes import KEYS
from tests.sources.sources_of_tests import running_source

from edgeward.errors import Conflict, NotFound
from edgeward.imports.source_acts import new_source_act
from edgeward.sources.feedback import Decided
from edgeward.sources.feedback_queue import FeedbackQueue
from edgeward.sources.feedback_requests import report
from edgeward.store.connection import Store
from edgeward.types import Entry, Signal

ANSWERS_NOBODY = "http://127.0.0.1:9"


def exchange(name: str, kind: str = "ncmec", **more: object) -> dict[str, object]:
    return {"name": name, "list": "a", "type": kind, "url": ANSWERS_NOBODY, **KEYS[kind], **more}


def listed_by(source: str, number: int) -> Entry:
    act = new_source_act("a", source) if source else "act-1"
    return Entry("a", Signal("md5", f"{number:032x}"), "", "me", 1.0, act, f"42-{number}")


async def test_an_entry_is_reported_to_the_exchange_that_listed_it(store: Store, tmp_path: Path) -> None:
    """Also after its removal; what is decided later counts. It is in the audit trail."""
    exchanges = [exchange("other", feedback=True), exchange("ncmec", feedback=True)]
    async with running_source(store, tmp_path, exchanges=exchanges) as services:
        entry = listed_by("ncmec", 1)
        (added,) = await services.list_store.add_entries([entry], "me", "", entry.act)
        assert await services.replica.wait_version(added.version, 60.0)
        assert (await report(services, entry.id, Decided.MATCH, "ana", ""))[0] == "ncmec"
        (removed,) = await services.list_store.remove_entries("a", [entry.id], "ana", "")
        assert await services.replica.wait_version(removed.version, 60.0)
        assert (await report(services, entry.id, Decided.MISTAKE, "bo", "a cat"))[1].signal == entry.signal
        (waiting,) = await FeedbackQueue(store).waiting("ncmec")
        found = waiting.decided, waiting.by, waiting.source_id, waiting.type, waiting.value
        assert found == ("mistake", "bo", "42-1", "md5", entry.signal.value)
        assert await FeedbackQueue(store).waiting("other") == []
        line = (await services.audit_trail.latest(1))[0]
        assert (line.op, line.who, line.why, line.about["decided"]) == ("feedback.report", "bo", "a cat", "mistake")


async def test_there_must_be_somebody_to_tell(store: Store, tmp_path: Path) -> None:
    """Nothing is told of what a person listed, by an exchange without feedback, or of a type that takes none."""
    tat = {"name": "tat", "list": "a", "type": "tat", "url": ANSWERS_NOBODY, **KEYS["tat"]}
    exchanges = [exchange("off"), exchange("on", feedback=True), tat]
    async with running_source(store, tmp_path, exchanges=exchanges) as services:
        listed = [listed_by(source, number) for number, source in enumerate(("", "off", "tat"), 1)]
        for entry in listed:
            (added,) = await services.list_store.add_entries([entry], "me", "", entry.act)
        assert await services.replica.wait_version(added.version, 60.0)
        reasons = ("was not listed by an exchange", "feedback = false", "type tat takes no feedback")
        for entry, reason in zip(listed, reasons, strict=True):
            with pytest.raises(Conflict, match=reason):
                await report(services, entry.id, Decided.MATCH, "ana", "")
        with pytest.raises(NotFound):
            await report(services, "0" * 20, Decided.MATCH, "ana", "")
