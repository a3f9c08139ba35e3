"""Meta's ThreatExchange: GET {root}/{privacy group}/threat_updates/, whose pages link to the next.

What was deleted is told for 30 days.
"""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import urlencode

from edgeward.settings.exchange_settings import ExchangeSettings
from edgeward.sources.exchanges.programme import (
    MAX_PAGE_BYTES,
    LatestRecords,
    Page,
    json_page,
    number,
    records_of,
    same_server,
    server_time,
)
from edgeward.sources.source_client import Credentials, SourceClient

ROOT = "https://graph.facebook.com/v26.0"
PAGE_SIZE = 500
FIELDS = "id,indicator,type,last_updated,should_delete,descriptors{id,owner{id},status,tags,description}"


class ThreatExchange:
    """See `Programme`."""

    format: ClassVar[str] = "threatexchange-json"
    begin: ClassVar[bytes] = b"["
    between: ClassVar[bytes] = b",\n"
    end: ClassVar[bytes] = b"]"
    first: ClassVar[float] = datetime(2012, 1, 1, tzinfo=UTC).timestamp()
    windows: ClassVar[bool] = True
    keeps_deletions: ClassVar[float] = 30 * 86400.0

    def __init__(self, settings: ExchangeSettings, directory: Path) -> None:
        self._settings, self._directory = settings, directory
        self._root = settings.url or ROOT
        self._latest = LatestRecords()

    def client(self) -> SourceClient:
        self._latest = LatestRecords()
        # The token is a parameter of the query, as documented.
        return SourceClient(self._root, self._directory, Credentials({}, "token or privacy_group"))

    async def page(self, client: SourceClient, start: float, stop: float, at: str, mark: str) -> Page:
        url = f"{self._root}/{self._settings.privacy_group}/threat_updates/"
        query = {
            "access_token": self._settings.token,
            "start_time": int(start),
            "stop_time": int(stop),
            "limit": PAGE_SIZE,
            "fields": FIELDS,
        }
        answer = await client.get(same_server(at, self._root) if at else f"{url}?{urlencode(query)}", MAX_PAGE_BYTES)
        data = json_page(answer)
        records = records_of(data, "data")
        content, count = self._latest.joined((each, *_identity(each)) for each in records)
        newest = max((_identity(each)[1] for each in records), default=0.0)
        paging = data.get("paging")
        link = paging.get("next") if isinstance(paging, dict) else None
        return Page(content, count, link if isinstance(link, str) else "", newest, server_time=server_time(answer))


def _identity(record: Any) -> tuple[tuple[str, ...], float]:
    """What tells it from others, and its time."""
    if not isinstance(record, dict):
        return (), 0.0
    return (str(record.get("id")),), number(record.get("last_updated"))
