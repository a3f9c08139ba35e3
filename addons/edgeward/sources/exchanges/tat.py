"""Tech Against Terrorism: POST {root}/token-auth/tcap/ gives a token, GET {root}/api/hash-list/v2/all?after=MARK the
records after a mark ("seconds,id"), in their order."""

from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import urlencode

from edgeward.settings.exchange_settings import ExchangeSettings
from edgeward.sources.exchanges.programme import (
    MAX_PAGE_BYTES,
    BadPage,
    LatestRecords,
    Page,
    json_page,
    number,
    records_of,
    same_server,
    server_time,
)
from edgeward.sources.source_client import Credentials, SourceClient

ROOT = "https://app.terrorismanalytics.org"
MAX_TOKEN_BYTES = 64 * 1024


class Tat:
    """See `Programme`."""

    format: ClassVar[str] = "tat"
    begin: ClassVar[bytes] = b"["
    between: ClassVar[bytes] = b",\n"
    end: ClassVar[bytes] = b"]"
    first: ClassVar[float] = 0.0
    windows: ClassVar[bool] = False
    keeps_deletions: ClassVar[float] = 0.0

    def __init__(self, settings: ExchangeSettings, directory: Path) -> None:
        self._settings, self._directory = settings, directory
        self._root = settings.url or ROOT
        self._latest, self._token = LatestRecords(), ""

    def client(self) -> SourceClient:
        self._latest, self._token = LatestRecords(), ""
        return SourceClient(self._root, self._directory, Credentials({}, "username and password"))

    async def page(self, client: SourceClient, start: float, stop: float, at: str, mark: str) -> Page:
        if not self._token:
            self._token = await self._log_in(client)
        after = mark or (f"{start:.0f},0" if start else "")
        url = f"{self._root}/api/hash-list/v2/all?" + urlencode({"order": "asc", "after": after})
        headers = {"Authorization": f"Bearer {self._token}"}
        answer = await client.get(same_server(at, url) if at else url, MAX_PAGE_BYTES, headers)
        data = json_page(answer)
        records = records_of(data, "results")
        content, count = self._latest.joined((each, *_identity(each)) for each in records)
        newest = max((_identity(each)[1] for each in records), default=0.0)
        link, found = data.get("next"), data.get("checkpoint")
        following = link if isinstance(link, str) else ""
        if following and "://" not in following and following[0] not in "/?":
            following = f"?{following}"
        return Page(content, count, following, newest, found if isinstance(found, str) else "", server_time(answer))

    async def _log_in(self, client: SourceClient) -> str:
        form = {"username": self._settings.username, "password": self._settings.password, "resend": "false"}
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        url = f"{self._root}/token-auth/tcap/"
        answer = await client.send("POST", url, MAX_TOKEN_BYTES, headers, urlencode(form).encode())
        token = json_page(answer).get("token")
        if not isinstance(token, str) or not token:
            raise BadPage("the log-in gave no token")
        return token


def _identity(record: Any) -> tuple[tuple[str, ...], float]:
    """What tells it from others, and its time."""
    if not isinstance(record, dict):
        return (), 0.0
    return (str(record.get("id")),), number(record.get("updated_on"))
