"""Findings."""

from edgeward.doctor.finding import Health, fail, ok, skipped, warn


def test_each_function_sets_its_health() -> None:
    """The four functions differ in health alone. Only findings that are not well need a fix."""
    made = [ok("a", "b", "c"), skipped("a", "b", "c"), warn("a", "b", "c", "d"), fail("a", "b", "c", "d")]
    assert [finding.health for finding in made] == [Health.OK, Health.SKIPPED, Health.WARN, Health.FAIL]
    assert [finding.fix for finding in made] == ["", "", "d", "d"]
