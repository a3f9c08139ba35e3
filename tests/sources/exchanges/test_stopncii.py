"""StopNCII.org's FetchHashes."""

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from tests.sources.exchanges.programmes import KEYS, NOW, exchange, hashes
from tests.sources.file_server import serving
from tests.sources.programme_of_tests import TakesVotes

from edgeward.settings.exchange_settings import ExchangeSettings
from edgeward.sources.exchanges.stopncii import StopNcii
from edgeward.sources.feedback import Decided, Feedback, FeedbackRefused
from edgeward.sources.source_failure import SourceFailed

DAY = 86400


def _pdq(number: int) -> str:
    return hashlib.sha256(bytes([number])).hexdigest()


def _record(number: int, at: float, status: str = "Active") -> dict[str, Any]:
    return {
        "lastModtimestamp": int(at),
        "signalType": "ImagePDQ",
        "hashValue": _pdq(number),
        "hashStatus": status,
        "caseNumbers": {},
        "CSPFeedbacks": [],
    }


def _page(records: list[Any], token: str = "", end: float = NOW) -> web.Response:
    more = {"nextPageToken": token or None, "hasMoreRecords": bool(token), "nextSetTimestamp": int(end)}
    return web.json_response({"count": len(records), "hashRecords": records, **more})


async def test_pages_and_deletions(tmp_path: Path) -> None:
    """All pages, by both keys; a record that is older than one before it is left out, whatever the order."""

    async def answer(request: web.Request) -> web.Response:
        if request.query.get("nextPageToken") == "t":
            return _page([_record(0, NOW - 50), _record(2, NOW - 10), _record(1, NOW - 10, "Withdrawn"), "no record"])
        return _page([_record(0, NOW - 20, "Deleted"), _record(1, NOW - 30), _record(1, NOW - 30)], "t")

    async with serving(answer) as server:
        found = await exchange(server, "stopncii", tmp_path).fetch({})
        assert "startTimestamp=10&" in server.requests[0][1]
        assert (server.headers["x-functions-key"], server.headers["Ocp-Apim-Subscription-Key"]) == ("f", "s")
        assert hashes(found) == {_pdq(0): True, _pdq(1): True, _pdq(2): False}
        assert (found.whole, found.checkpoint["until"]) == (True, NOW)
        later = await exchange(server, "stopncii", tmp_path).fetch(found.checkpoint)
        assert not later.whole and f"startTimestamp={int(NOW) - 600}&" in server.requests[2][1]


@pytest.mark.parametrize("is_first", [False, True])
async def test_a_bad_page_does_not_stop_the_rest(tmp_path: Path, is_first: bool) -> None:
    """The pull goes on a little later, and what is between is asked for again; also if it is the first page."""
    start = NOW - 5 * DAY
    bad = [True]

    async def answer(request: web.Request) -> web.Response:
        since = int(request.query["startTimestamp"])
        at_bad = since <= start + 100 if is_first else request.query.get("nextPageToken") == "bad"
        if at_bad and bad[0]:
            return web.Response(text='{"hashRecords": [{"hashValue": "')
        if request.query.get("nextPageToken"):
            return _page([_record(1, start + 200)], end=start + 200)
        if since > start + 100:
            return _page([_record(2, NOW - 10)])
        return _page([_record(0, start + 10)], "bad")

    async with serving(answer) as server:
        found = await exchange(server, "stopncii", tmp_path).fetch({"until": start})
        assert hashes(found) == ({} if is_first else {_pdq(0): False}) | {_pdq(2): False}
        assert len(found.checkpoint["gaps"]) == 1 and "is asked for again" in found.problems[0]
        bad[0] = False
        mended = await exchange(server, "stopncii", tmp_path).fetch(found.checkpoint)
        assert _pdq(1) in hashes(mended)
        assert (mended.checkpoint["gaps"], mended.problems) == ([], ())


async def test_what_is_no_page_at_all(tmp_path: Path) -> None:
    """Then the pull fails, and the checkpoint stays."""

    async def answer(_: web.Request) -> web.Response:
        return web.Response(text="<html>maintenance</html>")

    async with serving(answer) as server:
        with pytest.raises(SourceFailed, match="no JSON"):
            await exchange(server, "stopncii", tmp_path).fetch({"until": NOW - DAY})


async def test_a_pull_after_a_month_is_a_whole_one(tmp_path: Path) -> None:
    """Deletions are told for thirty days only."""

    async def answer(_: web.Request) -> web.Response:
        return _page([_record(0, NOW - 10)])

    async with serving(answer) as server:
        found = await exchange(server, "stopncii", tmp_path).fetch({"until": NOW - 31 * DAY})
        assert found.file is not None
        found.file.close()
        assert found.whole and "deletions may be lost" in found.problems[0]


async def test_feedback_has_a_key_of_its_own(tmp_path: Path) -> None:
    """A match was blocked, a mistake was not; other types than PDQ are refused."""
    programme = TakesVotes()
    async with serving(programme.answer) as server:
        keys = {"name": "x", "list": "a", "type": "stopncii", "url": server.url, **KEYS["stopncii"]}
        more = {"feedback": True, "feedback_function_key": "g"}
        stopncii = StopNcii(ExchangeSettings.model_validate({**keys, **more}), tmp_path)
        async with stopncii.feedback_client() as client:
            for decided in Decided:
                await stopncii.give(client, Feedback("e" * 20, "a", "pdq", _pdq(1), "", decided, "ana", 1.0))
            with pytest.raises(FeedbackRefused):
                await stopncii.give(client, Feedback("e" * 20, "a", "md5", "00", "", Decided.MATCH, "ana", 1.0))
        assert (server.headers["x-functions-key"], server.headers["Ocp-Apim-Subscription-Key"]) == ("g", "s")
    assert [(method, path) for method, path, _ in programme.votes] == [("POST", "/SubmitFeedback")] * 2
    votes = [json.loads(body) for _, _, body in programme.votes]
    given = [{"hashValue": _pdq(1), "feedbackValue": value, "tags": []} for value in ("Blocked", "NotBlocked")]
    assert votes == [{"count": 1, "hashFeedbacks": [each]} for each in given]
