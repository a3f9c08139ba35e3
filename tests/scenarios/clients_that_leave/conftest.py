"""One stack at a time for all scenarios here, with each site in turn. To start a stack takes seconds."""

from collections.abc import Iterator

import pytest
from tests.scenarios.aborts import under_way_answered
from tests.scenarios.assertions import assert_no_defects
from tests.scenarios.clients_that_leave.sites import SITES, name_of
from tests.scenarios.stacks import NO_KEY_CHECKS, add_lists
from tests.support.eventually import until
from tests.support.programs import require

from edgeward.demo.caches import Varnish
from edgeward.demo.stack import Stack


@pytest.fixture(scope="package", params=SITES, ids=name_of)
def site(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Each kind of cache behind Edgeward, and one before it. Those with Varnish have two workers."""
    kind, placement = request.param
    require(kind.program)
    settings = {"proxy": {"workers": 2 if kind is Varnish else 1}, **NO_KEY_CHECKS}
    with Stack(tmp_path_factory.mktemp("site"), placement, kind, settings) as stack:
        add_lists(stack)
        yield stack
        assert_no_defects(stack)


@pytest.fixture
def stack(site: Stack) -> Stack:
    """A site on which nothing is left of the test before."""
    until(lambda: site.edge.metric("edgeward_unanswered_pending") == 0)
    until(lambda: site.edge.metric("edgeward_unjudged_pending") == 0)
    until(lambda: not under_way_answered(site))
    return site
