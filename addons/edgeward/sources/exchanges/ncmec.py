"""NCMEC's hash sharing API, version 2 (https://report.cybertip.org/hashsharing/v2/documentation.pdf).

GET {root}/v2/entries?from=..&to=.. with HTTP Basic. The entries of a page are in no order of time, and one second may
have more than a page: only when all pages of a span were read is all of it known. Links to next pages expire.

Feedback is a vote on one fingerprint of an entry: PUT {root}/v2/entries/{member}/{id}/{TYPE}/feedback. A negative one
names a reason of GET {root}/v2/feedback/{TYPE}/reasons.
"""

import html
import io
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import ClassVar
from urllib.parse import quote, urlencode
from xml.parsers.expat import ExpatError, ParserCreate

from edgeward.errors import UserError
from edgeward.lists.formats import ReadOptions, ncmec
from edgeward.settings.exchange_settings import ExchangeSettings
from edgeward.sources.exchanges.programme import (
    MAX_ANSWER_BYTES,
    MAX_PAGE_BYTES,
    BadPage,
    Page,
    same_server,
    server_time,
)
from edgeward.sources.feedback import Decided, Feedback, FeedbackRefused
from edgeward.sources.source_client import Credentials, SourceClient
from edgeward.sources.source_failure import SourceFailed

ROOTS: Mapping[str, str] = {
    "industry": "https://report.cybertip.org/hashsharing",
    "industry_exploitative": "https://report.cybertip.org/exploitative-hashsharing",
    "law_enforcement": "https://lesp.ncmec.org/csam-hashsharing",
    "ngo": "https://hashsharing.ncmec.org/npo",
    "exploitative": "https://hashsharing.ncmec.org/exploitative",
    "ngo_generative_ai": "https://hashsharing.ncmec.org/generative-ai-csam",
    "ngo_generative_ai_exploitative": "https://hashsharing.ncmec.org/generative-ai-exploitative",
    "test_industry": "https://exttest.cybertip.org/hashsharing",
    "test_industry_exploitative": "https://exttest.cybertip.org/exploitative-hashsharing",
    "test_law_enforcement": "https://betalesp.ncmec.org/csam-hashsharing",
    "test_ngo": "https://hashsharing-test.ncmec.org/npo",
    "test_exploitative": "https://hashsharing-test.ncmec.org/exploitative",
    "test_ngo_generative_ai": "https://hashsharing-test.ncmec.org/generative-ai-csam",
    "test_ngo_generative_ai_exploitative": "https://hashsharing-test.ncmec.org/generative-ai-exploitative",
}
"""By environment."""
FEEDBACK_TYPES: Mapping[str, str] = {"md5": "MD5", "sha1": "SHA1", "pdq": "PDQ", "photodna": "PDNA"}
"""NCMEC's names of the signal types."""
MAX_REASONS = 20
"""That a message names."""
NAMESPACE = "https://hashsharing.ncmec.org/hashsharing/v2"
_DECLARATION = re.compile(rb"^\s*<\?xml[^>]*?\?>")
_NEXT = re.compile(rb"<(?:\w+:)?next>([^<]*)</(?:\w+:)?next>")


class Ncmec:
    """See `Programme`."""

    format: ClassVar[str] = "ncmec"
    # Pages are documents. The reader takes their entries at any depth.
    begin: ClassVar[bytes] = b"<queryResult>\n"
    between: ClassVar[bytes] = b"\n"
    end: ClassVar[bytes] = b"\n</queryResult>\n"
    first: ClassVar[float] = datetime(2008, 1, 1, tzinfo=UTC).timestamp()
    windows: ClassVar[bool] = True
    keeps_deletions: ClassVar[float] = 0.0

    def __init__(self, settings: ExchangeSettings, directory: Path) -> None:
        self._settings, self._directory = settings, directory
        self._root = settings.url or ROOTS[settings.environment]

    def client(self) -> SourceClient:
        credentials = Credentials.basic(self._settings.username, self._settings.password)
        return SourceClient(self._root, self._directory, credentials)

    async def page(self, client: SourceClient, start: float, stop: float, at: str, mark: str) -> Page:
        url = (
            same_server(at, self._root)
            if at
            else f"{self._root}/v2/entries?" + urlencode({"from": _time(start), "to": _time(stop)})
        )
        answer = await client.get(url, MAX_PAGE_BYTES)
        text = _in_utf8(answer.read())
        try:
            count = sum(1 for _ in ncmec.rows(io.BytesIO(text), ReadOptions()))
        except UserError as error:
            raise BadPage(str(error)) from None
        found = _NEXT.search(text)
        link = html.unescape(found[1].decode()).strip() if found else ""
        if link.startswith("/"):
            link = self._root + link
        return Page(text, count, link, server_time=server_time(answer))

    def feedback_client(self) -> SourceClient:
        return self.client()

    async def give(self, client: SourceClient, feedback: Feedback) -> None:
        """See `TakesFeedback`."""
        # The reader of its lists makes one id of the two.
        member, _, entry = feedback.source_id.partition("-")
        kind = FEEDBACK_TYPES.get(feedback.type)
        if not member or not entry or kind is None:
            raise FeedbackRefused("NCMEC takes feedback on MD5, SHA-1, PDQ and PhotoDNA of entries with its own id")
        vote = "<affirmative/>"
        if feedback.decided == Decided.MISTAKE:
            guid = html.escape(await self._reason(client, kind))
            vote = f"<negative><reasonIds><guid>{guid}</guid></reasonIds></negative>"
        body = f'<feedbackSubmission xmlns="{NAMESPACE}">{vote}</feedbackSubmission>'.encode()
        url = f"{self._root}/v2/entries/{quote(member, safe='')}/{quote(entry, safe='')}/{kind}/feedback"
        (await client.send("PUT", url, MAX_ANSWER_BYTES, {"Content-Type": "application/xml"}, body)).body.close()

    async def _reason(self, client: SourceClient, kind: str) -> str:
        """The GUID of the reason for a mistake. Raises SourceFailed: the settings must name another one."""
        answer = await client.get(f"{self._root}/v2/feedback/{kind}/reasons", MAX_ANSWER_BYTES)
        reasons, wanted = _reasons(answer.read()), self._settings.mistake_reason.strip()
        found = [guid for guid, name in reasons.items() if wanted.lower() in (guid.lower(), name.lower())]
        found = found if wanted else list(reasons)
        if len(found) == 1:
            return found[0]
        known = ", ".join(f"{name!r}" for name in list(reasons.values())[:MAX_REASONS]) or "none"
        raise SourceFailed(f"a mistake needs one of NCMEC's reasons: set mistake_reason to one of {known}", None, 400)


def _reasons(document: bytes) -> dict[str, str]:
    """The names of reasons by their GUIDs. Raises SourceFailed."""
    found: dict[str, str] = {}

    def start(_: str, attributes: dict[str, str]) -> None:
        if guid := attributes.get("guid"):
            found[guid] = attributes.get("name", "")

    def refuse(*_: object) -> None:
        raise SourceFailed("the reasons for feedback have a document type declaration, which NCMEC's never have")

    parser = ParserCreate()
    parser.StartElementHandler, parser.StartDoctypeDeclHandler = start, refuse
    try:
        parser.Parse(document, True)
    except ExpatError:
        raise SourceFailed("the reasons for feedback are no XML") from None
    return found


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _in_utf8(text: bytes) -> bytes:
    """A document without its declaration: several become one. Raises BadPage."""
    declared = _DECLARATION.match(text)
    if not declared:
        return text
    encoding = re.search(rb"encoding\s*=\s*[\"']([\w.:-]+)", declared[0])
    body = text[declared.end() :]
    if not encoding or encoding[1].lower() in (b"utf-8", b"us-ascii"):
        return body
    try:
        return body.decode(encoding[1].decode()).encode()
    except (LookupError, UnicodeDecodeError):
        raise BadPage("its encoding can't be read") from None
