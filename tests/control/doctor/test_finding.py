"""What a finding says."""

from edgeward.control.doctor.finding import Health, fail, ok, skipped, warn


def test_each_word_has_its_health() -> None:
    """The four ways to make a finding differ in health alone, and only what is not well has something to mend."""
    made = [ok("a", "b", "c"), skipped("a", "b", "c"), warn("a", "b", "c", "d"), fail("a", "b", "c", "d")]
    assert [finding.health for finding in made] == [Health.OK, Health.SKIPPED, Health.WARN, Health.FAIL]
    assert [finding.mend for finding in made] == ["", "", "d", "d"]
