"""What comes back is held to what was sent."""

from collections import Counter

import pytest
from tests.fuzz.barrage import Barrage, alone
from tests.fuzz.cases import Case, case

from edgeward.demo.answer import Answer


class Door:
    """Answers every case with one status, with its body or another, and counts some of them."""

    def __init__(self, status: int = 200, body: bytes | None = None, counts: bool = True) -> None:
        self._status, self._body, self._counts = status, body, counts
        self._reasons: Counter[str] = Counter()

    def ask(self, case: Case) -> Answer:
        self._reasons["no_match"] += self._counts
        if not self._status:
            raise ConnectionResetError
        return Answer(self._status, (), case.body if self._body is None else self._body, 0.0)

    def reasons(self) -> Counter[str]:
        return self._reasons.copy()

    restarts = reasons


@pytest.mark.parametrize(
    ("door", "wrong"),
    [
        (Door(), 0),
        (Door(503), 0),
        (Door(body=b"x"), 8),
        (Door(451), 8),
        (Door(0), 8),
        (Door(counts=False), 1),
    ],
    ids=["as it came", "refused", "another body", "a match", "no answer", "not counted"],
)
def test_what_must_not_happen_is_told(door: Door, wrong: int) -> None:
    """Another body, a match, silence and a missing count are wrong; a refusal is looked into."""
    barrage = Barrage(door, seed=1)  # type: ignore[arg-type]
    barrage.run(0, 8, 60)
    assert len(barrage.tally.wrong) == wrong
    assert barrage.tally.images == barrage.tally.answers.total() == 8
    assert sorted(barrage.tally.troubled) == (list(range(8)) if 503 in barrage.tally.answers else [])


def test_no_time_is_no_case() -> None:
    """It stops when the time is up."""
    barrage = Barrage(Door(), seed=1)  # type: ignore[arg-type]
    barrage.run(0, 8, -1)
    assert barrage.tally.images == 0


def test_a_refused_case_by_itself() -> None:
    """Its reason and what it did to a hasher are those counted while it alone is asked for."""
    (finding,) = alone(Door(503), 1, [3])  # type: ignore[arg-type]
    assert (finding.number, finding.reasons) == (3, Counter({"no_match": 1}))
    assert str(finding) == f"case 3: no_match; a hasher ended (no_match); {case(1, 3).story}"
