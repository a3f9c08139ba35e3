"""`report`: what it sends and prints."""

import json
from collections.abc import Callable

from tests.cli.conftest import Api, Ended

type Run = Callable[..., Ended]
REPORTS = "POST /api/v1/entries/0123/feedback"


def test_a_report_is_sent(edgeward: Run, api: Api) -> None:
    """With the reason for the audit trail; the answer says to whom."""
    api.answer(REPORTS, {"source": "ncmec", "decided": "mistake", "entry": {"id": "0123"}})
    ended = edgeward("report", "0123", "--as", "mistake", "--reason", "a cat")
    assert (ended.status, ended.out) == (0, "0123 is reported to ncmec as a mistake: see `edgeward sources`\n")
    assert json.loads(api.requests[-1].body) == {"decided": "mistake", "why": "a cat"}
    assert edgeward("report", "0123", "--as", "match", "--json").json["source"] == "ncmec"
