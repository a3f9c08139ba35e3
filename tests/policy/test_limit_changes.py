"""Whether a policy acts only where another does."""

from dataclasses import replace

from edgeward.policy.limit_changes import is_within
from edgeward.types import HashList

SMALL = HashList("a", hosts=("a.test",), paths=("/x/",), share=10.0, min_quality=80)


def test_each_limit_makes_a_policy_smaller() -> None:
    """With any of them loosened it acts at more targets, or on more images; not the other way round."""
    for values in (
        {"hosts": ()},
        {"hosts": ("a.test", "b.test")},
        {"paths": ()},
        {"paths": ("/x/", "/y/")},
        {"share": 10.5},
        {"min_quality": 79},
    ):
        larger = replace(SMALL, **values)
        assert is_within(SMALL, larger), values
        assert not is_within(larger, SMALL), values


def test_other_hosts_are_no_fewer_hosts() -> None:
    """A policy at one host acts where another at another host does not."""
    other = replace(SMALL, hosts=("b.test",))
    assert not is_within(SMALL, other)
    assert not is_within(other, SMALL)
    assert is_within(SMALL, SMALL)
    assert is_within(HashList("a"), HashList("b"))
