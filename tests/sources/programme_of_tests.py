"""A server that takes feedback as NCMEC and StopNCII document it."""

from dataclasses import dataclass, field

from aiohttp import web

REASONS = """<?xml version="1.0"?>{}<feedbackReasons xmlns="https://hashsharing.ncmec.org/hashsharing/v2">
<availableFeedbackReasons>{}</availableFeedbackReasons></feedbackReasons>"""


@dataclass(slots=True)
class TakesVotes:
    """Answers requests for reasons, and takes votes.

    Attributes:
        statuses: of the answers to votes, one after the other; then 200.
        votes: method, path and body of each that it took.
        reasons: their names by their GUIDs.
        heading: what stands before the reasons.
    """

    statuses: list[int] = field(default_factory=list)
    votes: list[tuple[str, str, str]] = field(default_factory=list)
    reasons: dict[str, str] = field(default_factory=lambda: {"g-1": "Not what it says"})
    heading: str = ""

    async def answer(self, request: web.Request) -> web.StreamResponse:
        if request.path.endswith("/reasons"):
            rows = "".join(f'<reason guid="{guid}" name="{name}" type="Md5"/>' for guid, name in self.reasons.items())
            return web.Response(text=REASONS.format(self.heading, rows), content_type="application/xml")
        if request.method == "GET":
            empty = '<queryResult><images count="0" maxTimestamp="2026-01-01T00:00:00Z"/></queryResult>'
            return web.Response(text=empty, content_type="application/xml")
        status = self.statuses.pop(0) if self.statuses else 200
        if status < 300:
            self.votes.append((request.method, request.raw_path, (await request.read()).decode()))
        return web.Response(status=status, headers={"Retry-After": "7"} if status == 429 else {})
