"""The rules for the limits of a list; what the API makes of them is in tests/api/test_list_policies.py."""

from dataclasses import replace

import pytest

from edgeward.errors import InvalidValue
from edgeward.operations.list_limits import (
    check_expires_at,
    check_hosts,
    check_paths,
    check_policy,
    check_share,
    limits_in_words,
    moment,
)
from edgeward.types import HashList, ListKind, Mode

NOW = 1_000_000.0


def test_each_is_kept_once_as_it_is_stored() -> None:
    """In the order in which they were given."""
    assert check_hosts(["B.test", "a.test.", "b.test", "*.ü.test"]) == ("b.test", "a.test", "*.xn--tda.test")
    assert check_paths(["/b/", "/a b", "/b/"]) == ("/b/", "/a%20b")
    assert (check_share(0.5), check_share(100), check_expires_at(0.0), check_expires_at(NOW)) == (0.5, 100, 0.0, NOW)


def test_what_is_no_number_is_refused() -> None:
    """NaN compares as nothing does."""
    for value in (float("nan"), float("inf"), -1.0):
        with pytest.raises(InvalidValue):
            check_expires_at(value)
        with pytest.raises(InvalidValue):
            check_share(value)


def test_an_end_must_come_after_now() -> None:
    """When it is set. One that has come stays on record, and any other value may be changed."""
    ended = HashList("a", mode=Mode.OFF, expires_at=NOW)
    with pytest.raises(InvalidValue, match=r"1970-01-12 13:46:40 UTC is over"):
        check_policy(ended, NOW)
    with pytest.raises(InvalidValue, match="has ended at"):
        check_policy(replace(ended, mode=Mode.MONITOR), NOW, ended)
    later = replace(ended, expires_at=NOW + 1, mode=Mode.ENFORCE)
    assert check_policy(later, NOW, ended) == check_policy(later, NOW) == later
    described = replace(ended, description="d")
    assert check_policy(described, NOW, ended) == described
    # A controller has not turned it off yet.
    due = replace(ended, mode=Mode.ENFORCE)
    assert check_policy(replace(due, description="d"), NOW, due).mode is Mode.ENFORCE
    assert moment(0.0) == "1970-01-01 00:00:00 UTC"


def test_an_allowlist_has_no_share() -> None:
    """It would protect an image at some targets and not at others, which nobody could tell."""
    with pytest.raises(InvalidValue, match="an allowlist"):
        check_policy(HashList("a", ListKind.ALLOW, share=99.0), NOW)
    assert check_policy(HashList("a", ListKind.ALLOW, hosts=("a.test",)), NOW)


def test_where_a_list_acts_in_words() -> None:
    """Of those that do not act everywhere; of many hosts, some."""
    hosts = tuple(f"{number}.test" for number in range(9))
    assert limits_in_words([HashList("a"), HashList("b", min_quality=90, expires_at=NOW)]) == []
    assert limits_in_words(
        [HashList("a", hosts=("x.test",), paths=("/y/",), share=2.5), HashList("b", hosts=hosts)]
    ) == [
        "The list a acts at x.test, below /y/, at 2.5% of the targets alone",
        "The list b acts at 0.test, 1.test, 2.test and 6 more alone",
    ]
