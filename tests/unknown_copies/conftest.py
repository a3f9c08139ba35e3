"""One site at a time, with each cache in both placements in turn."""

from collections.abc import Iterator

import pytest
from tests.support.programs import require
from tests.unknown_copies.origin import SequenceOrigin
from tests.unknown_copies.shared_site import SEED, SITES, SharedSite, name_of
from tests.unknown_copies.site import Site
from tests.unknown_copies.varying import VaryingResources


@pytest.fixture(scope="package", params=SITES, ids=name_of)
def shared(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SharedSite]:
    kind, placement = request.param
    require(kind.program)
    varying, directory = VaryingResources(), tmp_path_factory.mktemp("site")
    with SequenceOrigin(SEED, varying.answer) as origin, Site(directory, placement, kind, origin.port) as site:
        yield SharedSite(kind, placement, site, origin, varying)
