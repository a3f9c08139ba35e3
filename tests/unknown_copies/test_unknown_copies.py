"""What random requests leave in real caches is known: once it is listed, all of it goes, or is said to be left."""

import pytest
from tests.unknown_copies.__main__ import PLACEMENTS
from tests.unknown_copies.requests import sequence
from tests.unknown_copies.resources import number_in, path_of, resource
from tests.unknown_copies.round import run_round
from tests.unknown_copies.shared_site import SAMPLED, SEED, SharedSite, name_of
from tests.unknown_copies.site import CACHES

SEQUENCES = 30


@pytest.mark.parametrize("shared", SAMPLED, ids=name_of, indirect=True)
def test_no_copy_is_left_unknown(shared: SharedSite) -> None:
    """No copy survives a listing whose receipt says that none is left. `make fuzz` runs thousands of sequences."""
    first = 1000 * CACHES.index(shared.kind) + 500 * PLACEMENTS.index(shared.placement)
    result = run_round(shared.site, shared.origin, SEED, range(first, first + SEQUENCES))
    assert [str(copy) for copy in result.unknown] == []
    # The sequences do fill the caches: an experiment without copies would prove nothing.
    assert result.stored > SEQUENCES / 6


def test_a_sequence_is_repeatable() -> None:
    """The same seed and number give the same requests and the same resource, and other numbers give others."""
    assert sequence(3, 5) == sequence(3, 5)
    assert resource(3, 5) == resource(3, 5)
    assert len({resource(3, number).body for number in range(50)}) == 50


def test_the_number_of_a_resource_is_read_from_its_target() -> None:
    """However it is written; a target may have none."""
    assert number_in(path_of(12)) == 12
    assert number_in(b"/p/%7312x.png?q=1") == 12
    assert number_in(b"/other") is None
