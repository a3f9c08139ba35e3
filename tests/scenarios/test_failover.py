"""The store's master is killed under load: what was listed stays blocked, and what is listed next is gone as soon."""

import contextlib
import itertools
from pathlib import Path

from tests.parts import require
from tests.scenarios.defects import without_defects
from tests.scenarios.load import Load
from tests.scenarios.pictures import fresh
from tests.store.nodes import Nodes, until

from edgeward.demo.edge import ApiError
from edgeward.demo.photos import Photo
from edgeward.demo.stage import Stage
from edgeward.errors import ApiUnavailable

_names = itertools.count()


TAGS = ("{blocklist}", "{purges}")
"""On a cluster lists and orders may have masters of their own."""


def test_masters_are_killed(nodes: Nodes, tmp_path: Path) -> None:
    """Nothing listed is served at any time, nothing clean is refused, and listings are purged and verified again."""
    require("varnishd")
    namespace = f"failover{next(_names)}"
    listed, *others, clean = (fresh() for _ in range(len(TAGS) + 2))
    with Stage(tmp_path, settings={"store": {"url": nodes.url, "namespace": namespace}}) as stage:
        stage.edge.create_list("removed")
        for photo in (listed, *others, clean):
            stage.serve(photo)
            assert stage.get(photo.path).status == 200
        assert _is_gone(stage, listed)
        with Load(stage.door, [listed, clean]) as load:
            masters = {nodes.master_of(key): key for key in (f"{namespace}:{tag}" for tag in TAGS)}
            for key, other in zip(masters.values(), others, strict=False):
                load.wait_for(20)
                _kill_master_of(nodes, key)
                assert stage.held(other.path)
                until(lambda other=other: _is_gone(stage, other))
            load.wait_for(20)
        assert {(one.photo.name, one.answer.status) for one in load.served} == {(listed.name, 451), (clean.name, 200)}
        assert load.failed == 0
        assert {stage.get(photo.path).status for photo in others[: len(masters)]} == {451}
        without_defects(stage)


def _kill_master_of(nodes: Nodes, key: str) -> None:
    """SIGKILL, and return when another has taken over and has a replica."""
    master = nodes.master_of(key)
    master.kill()
    until(lambda: nodes.master_of(key) is not master)
    nodes.heal()


def _is_gone(stage: Stage, photo: Photo) -> bool:
    """List a picture: whether that was accepted, and every cached copy was verified gone before the answer."""
    with contextlib.suppress(ApiError, ApiUnavailable):
        added = stage.edge.add_image("removed", photo.body, wait=True)
        assert not any(added["purge"]["owed"].values()), added
        return not stage.held(photo.path)
    return False
