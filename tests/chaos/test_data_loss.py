"""Losing the data of the store."""

from pathlib import Path

from tests.chaos.data_loss import empty
from tests.chaos.expected_state import ExpectedState


def test_a_cache_is_emptied_and_keeps_its_settings(tmp_path: Path) -> None:
    """Only what it has stored goes."""
    for name in ("cache/a", "edgeward-cache/0/1", "conf/b"):
        (tmp_path / name).mkdir(parents=True)
    empty(tmp_path)
    assert sorted(str(each.relative_to(tmp_path)) for each in tmp_path.rglob("*")) == [
        "cache",
        "conf",
        "conf/b",
        "edgeward-cache",
    ]


def test_only_active_listings_survive_a_loss() -> None:
    """Every process has what was active; what was not may be lost. Orders, takedowns and imports are."""
    expected = ExpectedState()
    expected.mark_listed(1, active=True, act="act-1")
    expected.mark_listed(2, active=False, act="act-2")
    expected.orders["1-0"] = expected.takedowns["td-1"] = expected.jobs["job-1"] = 1.0
    expected.forget_store()
    assert set(expected.acknowledged_listings()) == {1}
    assert expected.in_doubt() == {2}
    assert not (expected.orders or expected.takedowns or expected.jobs)


def test_an_act_is_taken_by_one_operator() -> None:
    """All its pictures, which are in doubt until the undo is acknowledged."""
    expected = ExpectedState()
    for number, act in ((1, "job-1"), (2, "job-1"), (3, "act-3")):
        expected.mark_listed(number, active=True, act=act)
    assert expected.take_listing(2)
    assert not expected.take_listing(2)
    assert expected.take_listings("job-1") == [1]
    assert expected.take_listings("job-1") == expected.take_listings("") == []
    assert expected.in_doubt() == {1, 2}
    assert set(expected.acknowledged_listings()) == {3}
