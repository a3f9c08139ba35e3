"""StopNCII.org: GET {root}/FetchHashes?startTimestamp&pageSize&nextPageToken.

A later record of a hash replaces an earlier one. What was deleted is told for 30 days.

Feedback: POST {root}/SubmitFeedback {"count": 1, "hashFeedbacks": [{"hashValue", "feedbackValue", "tags"}]}, with a
function key of its own; "Blocked": the match was reviewed, and is what it is meant for; "NotBlocked": it is not.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import urlencode

from edgeward.settings.exchange_settings import ExchangeSettings
from edgeward.sources.exchanges.programme import (
    MAX_ANSWER_BYTES,
    MAX_PAGE_BYTES,
    LatestRecords,
    Page,
    json_page,
    number,
    records_of,
    server_time,
)
from edgeward.sources.feedback import Decided, Feedback, FeedbackRefused
from edgeward.sources.source_client import Credentials, SourceClient

ROOT = "https://api.stopncii.org/v1"
PAGE_SIZE = 800
FEEDBACK_VALUES: Mapping[str, str] = {Decided.MATCH: "Blocked", Decided.MISTAKE: "NotBlocked"}


class StopNcii:
    """See `Programme`."""

    format: ClassVar[str] = "stopncii"
    begin: ClassVar[bytes] = b"["
    between: ClassVar[bytes] = b",\n"
    end: ClassVar[bytes] = b"]"
    first: ClassVar[float] = 10.0  # it refuses 0
    windows: ClassVar[bool] = False
    keeps_deletions: ClassVar[float] = 30 * 86400.0

    def __init__(self, settings: ExchangeSettings, directory: Path) -> None:
        self._settings, self._directory = settings, directory
        self._root = settings.url or ROOT
        self._latest = LatestRecords()

    def client(self) -> SourceClient:
        keys = {
            "x-functions-key": self._settings.function_key,
            "Ocp-Apim-Subscription-Key": self._settings.subscription_key,
        }
        self._latest = LatestRecords()
        return SourceClient(self._root, self._directory, Credentials(keys, "subscription_key or function_key"))

    async def page(self, client: SourceClient, start: float, stop: float, at: str, mark: str) -> Page:
        query = {"startTimestamp": int(start), "pageSize": PAGE_SIZE, **({"nextPageToken": at} if at else {})}
        answer = await client.get(f"{self._root}/FetchHashes?{urlencode(query)}", MAX_PAGE_BYTES)
        data = json_page(answer)
        records = records_of(data, "hashRecords")
        content, count = self._latest.joined((each, *_identity(each)) for each in records)
        token = data.get("nextPageToken")
        newest = max((_identity(each)[1] for each in records), default=0.0)
        if data.get("hasMoreRecords") is True and isinstance(token, str) and token:
            return Page(content, count, token, newest, server_time=server_time(answer))
        end = number(data.get("nextSetTimestamp"))
        return Page(content, count, "", max(newest, end), server_time=server_time(answer))

    def feedback_client(self) -> SourceClient:
        keys = {
            "x-functions-key": self._settings.feedback_function_key,
            "Ocp-Apim-Subscription-Key": self._settings.subscription_key,
        }
        return SourceClient(self._root, self._directory, Credentials(keys, "subscription_key or feedback_function_key"))

    async def give(self, client: SourceClient, feedback: Feedback) -> None:
        """See `TakesFeedback`."""
        if feedback.type != "pdq":
            raise FeedbackRefused(f"StopNCII takes feedback on PDQ hashes alone, not on {feedback.type}")
        given = {"hashValue": feedback.value, "feedbackValue": FEEDBACK_VALUES[feedback.decided], "tags": []}
        body = json.dumps({"count": 1, "hashFeedbacks": [given]}).encode()
        kind = {"Content-Type": "application/json"}
        (await client.send("POST", f"{self._root}/SubmitFeedback", MAX_ANSWER_BYTES, kind, body)).body.close()


def _identity(record: Any) -> tuple[tuple[str, ...], float]:
    """What tells it from others, and its time."""
    if not isinstance(record, dict):
        return (), 0.0
    return (str(record.get("signalType")), str(record.get("hashValue"))), number(record.get("lastModtimestamp"))
