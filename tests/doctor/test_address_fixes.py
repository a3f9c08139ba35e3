"""What to do about an address that can't be reached."""

from edgeward.doctor.address_fixes import FIXES, fix_of
from edgeward.doctor.reachability import Reached, Step


def test_each_step_has_its_own_words() -> None:
    """They name the setting and the address, and no password of it."""
    assert set(FIXES) == set(Step)
    fixes = [fix_of(Reached(problem="x", step=step), "`url`", "http://me:pw@cache.test:80") for step in Step]
    assert len(set(fixes)) == len(fixes)
    for fix in fixes:
        assert "`url`" in fix or "firewalls" in fix or "start it" in fix, fix
        assert "cache.test:80" in fix and "pw" not in fix
    assert fix_of(Reached(200), "`url`", "http://cache.test") == ""
