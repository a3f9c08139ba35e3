"""Answers are checked against the cases."""

from collections import Counter

import pytest
from tests.fuzz.cases import Case, case
from tests.fuzz.sender import CaseSender, replay_alone

from edgeward.demo.http_client import HttpResponse


class FakeDeployment:
    """Answers every case with one status, and the case's body or another; may leave them uncounted."""

    def __init__(self, status: int = 200, body: bytes | None = None, counts: bool = True) -> None:
        self._status, self._body, self._counts = status, body, counts
        self._reasons: Counter[str] = Counter()

    def ask(self, case: Case) -> HttpResponse:
        self._reasons["no_match"] += self._counts
        if not self._status:
            raise ConnectionResetError
        return HttpResponse(self._status, (), case.body if self._body is None else self._body, 0.0)

    def reasons(self) -> Counter[str]:
        return self._reasons.copy()

    restarts = reasons


@pytest.mark.parametrize(
    ("deployment", "wrong"),
    [
        (FakeDeployment(), 0),
        (FakeDeployment(503), 0),
        (FakeDeployment(body=b"x"), 8),
        (FakeDeployment(451), 8),
        (FakeDeployment(0), 8),
        (FakeDeployment(counts=False), 1),
    ],
    ids=["as it came", "refused", "another body", "a match", "no answer", "not counted"],
)
def test_wrong_answers_are_reported(deployment: FakeDeployment, wrong: int) -> None:
    """Another body, a match, no answer and a missing count are wrong; a refused case is noted for a replay."""
    sender = CaseSender(deployment, seed=1)  # type: ignore[arg-type]
    sender.run(0, 8, 60)
    assert len(sender.tally.wrong) == wrong
    assert sender.tally.images == sender.tally.answers.total() == 8
    assert sorted(sender.tally.refused) == (list(range(8)) if 503 in sender.tally.answers else [])


def test_the_time_limit() -> None:
    """It stops when time is up."""
    sender = CaseSender(FakeDeployment(), seed=1)  # type: ignore[arg-type]
    sender.run(0, 8, -1)
    assert sender.tally.images == 0


def test_a_refused_case_by_itself() -> None:
    """A replay has the reasons and ended hashers that are counted during it."""
    (finding,) = replay_alone(FakeDeployment(503), 1, [3])  # type: ignore[arg-type]
    assert (finding.number, finding.reasons) == (3, Counter({"no_match": 1}))
    assert str(finding) == f"case 3: no_match; a hasher ended (no_match); {case(1, 3).description}"
