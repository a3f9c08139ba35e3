"""The store's master is killed under load: listed images stay blocked, and new listings are purged as before."""

import contextlib
import itertools
from pathlib import Path

from tests.scenarios.assertions import assert_no_defects
from tests.scenarios.client_load import Load
from tests.scenarios.pictures import fresh
from tests.store.nodes import Nodes
from tests.support.eventually import until
from tests.support.programs import require

from edgeward.demo.edge import ApiError
from edgeward.demo.photos import Photo
from edgeward.demo.stack import Stack
from edgeward.errors import ApiUnavailable

_names = itertools.count()


TAGS = ("{blocklist}", "{purges}")
"""Hash tags of keys: in a cluster, lists and orders may have different masters."""


def test_masters_are_killed(nodes: Nodes, tmp_path: Path) -> None:
    """No listed image is served at any time, no other is refused, and new listings are purged and verified."""
    require("varnishd")
    namespace = f"failover{next(_names)}"
    listed, *others, clean = (fresh() for _ in range(len(TAGS) + 2))
    settings = {"proxy": {"workers": 1}, "store": {"url": nodes.url, "namespace": namespace}}
    with Stack(tmp_path, settings=settings) as stack:
        stack.edge.create_list("removed")
        for photo in (listed, *others, clean):
            stack.serve(photo)
            assert stack.get(photo.path).status == 200
        assert _is_gone(stack, listed)
        with Load(stack.client_address, [listed, clean]) as load:
            masters = {nodes.master_of(key): key for key in (f"{namespace}:{tag}" for tag in TAGS)}
            for key, other in zip(masters.values(), others, strict=False):
                load.wait_for(20)
                _kill_master_of(nodes, key)
                assert stack.held(other.path)
                until(lambda other=other: _is_gone(stack, other))
            load.wait_for(20)
        assert {(one.photo.name, one.answer.status) for one in load.served} == {(listed.name, 451), (clean.name, 200)}
        assert load.failed == 0
        assert {stack.get(photo.path).status for photo in others[: len(masters)]} == {451}
        assert_no_defects(stack)


def _kill_master_of(nodes: Nodes, key: str) -> None:
    """SIGKILL; return when another server is master and has a replica."""
    master = nodes.master_of(key)
    master.kill()
    until(lambda: nodes.master_of(key) is not master)
    nodes.heal()


def _is_gone(stack: Stack, photo: Photo) -> bool:
    """List a picture: whether it was accepted, and every cached copy was verified gone before the answer."""
    with contextlib.suppress(ApiError, ApiUnavailable):
        added = stack.edge.add_image("removed", photo.body, wait=True)
        assert not added["purge"]["owed"] | added["purge"]["refused"], added
        return not stack.held(photo.path)
    return False
