"""What random requests leave in real caches is known: once it is listed, all of it goes, or is said to be left."""

from pathlib import Path

import pytest
from tests.support.programs import require
from tests.unknown_copies.__main__ import PLACEMENTS, run_site
from tests.unknown_copies.requests import sequence
from tests.unknown_copies.resources import number_in, path_of, resource
from tests.unknown_copies.site import CACHES

from edgeward.demo.caches import CacheServer, Nginx, Squid, Varnish

SEQUENCES = 30
SEED = 7


@pytest.mark.parametrize(
    ("kind", "placement"), [(Varnish, "front"), (Varnish, "fill"), (Nginx, "front"), (Squid, "front")],
    ids=lambda each: each if isinstance(each, str) else each.driver,
)  # fmt: skip
def test_no_copy_is_left_unknown(kind: type[CacheServer], placement: str, tmp_path: Path) -> None:
    """No copy survives a listing whose receipt says that none is left. `make fuzz` runs thousands of sequences."""
    require(kind.program)
    first = 1000 * CACHES.index(kind) + 500 * PLACEMENTS.index(placement)
    results = run_site(tmp_path, kind, placement, SEED, range(first, first + SEQUENCES))
    assert [str(copy) for result in results for copy in result.unknown] == []
    # The sequences do fill the caches: an experiment without copies would prove nothing.
    assert sum(result.stored for result in results) > SEQUENCES / 6


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
