"""How late checks are."""

from edgeward.origin_check.check_ages import CheckAges


def test_the_longest_of_a_while_counts() -> None:
    """By table, for at least that while, and not for ever."""
    ages = CheckAges(60.0)
    for age, now in ((5, 1000), (90, 1010), (7, 1020)):
        ages.note("*", age, now)
    ages.note("a.test", 3, 1020)
    assert (ages.oldest("*", 1030), ages.oldest("a.test", 1030), ages.oldest("b.test", 1030)) == (90, 3, 0)
    ages.note("*", 8, 1065)
    assert ages.oldest("*", 1070) == 90
    assert ages.oldest("*", 1126) == 8
    assert ages.oldest("*", 2000) == 0


def test_the_clock_is_set_back() -> None:
    """What was noted before it counts no longer than otherwise."""
    ages = CheckAges(60.0)
    ages.note("*", 90, 100_000)
    assert ages.oldest("*", 1000) == 90
    assert ages.oldest("*", 1121) == 0
